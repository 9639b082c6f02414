"""The checker is held to a list of what it may import: any module of `properties` imported there fails the lint."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from properties.selftest.contracts import AllowedContract

grimp = pytest.importorskip("grimp", reason="import-linter is not installed")
CHECKOUT = Path(__file__).parents[3]
SETTINGS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
[ALLOWED] = [contract for contract in SETTINGS["contracts"] if contract["type"] == "allowed"]


def contract() -> Any:
    options = {name: value for name, value in ALLOWED.items() if name not in ("name", "type")}
    return AllowedContract(ALLOWED["name"], {}, options)


@pytest.fixture(scope="module")
def graph() -> Any:
    return grimp.build_graph(*SETTINGS["root_packages"])


def test_any_module_of_properties_breaks_it(graph: Any) -> None:
    assert contract().check(graph, False).kept
    others = [one for one in graph.modules if one.startswith("properties") and ".recheck" not in one]
    assert len(others) > 40
    for other in others:
        graph.add_import(importer="properties.recheck.margins", imported=other)
        assert contract().check(graph, False).metadata["wrong"] == [("properties.recheck.margins", other)]
        graph.remove_import(importer="properties.recheck.margins", imported=other)


def test_so_does_what_of_the_zoo_is_not_listed(graph: Any) -> None:
    graph.add_import(importer="properties.recheck.graph", imported="zoo.enumeration.rounding")
    assert not contract().check(graph, False).kept
    graph.remove_import(importer="properties.recheck.graph", imported="zoo.enumeration.rounding")
