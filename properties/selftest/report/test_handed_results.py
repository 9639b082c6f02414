"""Nothing computes while it prints: `properties.report` imports what results are, and not what finds them."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import properties.report

# What makes text of values.
PRINTING = {"properties.report", "zoo.contexts", "zoo.digits", "zoo.errors", "zoo.cost.picture"}
PRINTING |= {"zoo.domain", "zoo.domain_in_words", "zoo.inspection.card", "zoo.inspection.pictures"}


def computing(text: str) -> Iterator[str]:
    """What the text of a module imports of the project, anywhere in it, that is neither a class, a constant nor text's.

    A module counts: all of its functions could be called.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.partition(".")[0] in ("properties", "zoo"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("properties", "zoo"):
            assert node.module is not None
            if not any(node.module == name or node.module.startswith(f"{name}.") for name in PRINTING):
                module = importlib.import_module(node.module)
                named = {one.name: getattr(module, one.name, None) for one in node.names}
                yield from (f"{node.module}.{name}" for name, value in named.items() if not _is_result(value))


def _is_result(value: object) -> bool:
    return value is not None and (isinstance(value, type) or not (callable(value) or isinstance(value, ModuleType)))


FOLDER = Path(properties.report.__path__[0])
MODULES = [path for path in sorted(FOLDER.rglob("*.py")) if path.name != "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_prints_computes_nothing(path: Path) -> None:
    text = path.read_text()
    assert "\nfrom " in text
    assert list(computing(text)) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from zoo.transformer import Transformer, forward", ["zoo.transformer.forward"]),
        ("def f():\n    from properties.checks.settle import sweep", ["properties.checks.settle.sweep"]),
        ("from properties.robustness import tolerance", ["properties.robustness.tolerance"]),
        ("import zoo.cost.operations", ["zoo.cost.operations"]),
        ("from zoo.contexts import written\nfrom properties.checks.table import CHECKS", []),
    ],
)
def test_what_computes_would_be_found(line: str, found: list[str]) -> None:
    assert list(computing(line)) == found
