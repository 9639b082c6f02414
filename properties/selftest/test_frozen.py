"""What is frozen is changed by nobody: only where it is made are its fields set; and nearly all that has fields is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import properties
import zoo

# The stand-in of a lazy context raises there what a real one raises.
MADE = ("__post_init__", "StandIn.__setattr__")
# What is filled in as it is found.
CHANGED = {"_Seen", "Dossier", "Proof", "_Next", "Found", "Tree", "Rechecked", "_Work", "Tally"}


def setters(source: str) -> Iterator[str]:
    """The functions that call object.__setattr__, each with its class."""
    if "__setattr__" not in source:  # most, which need not be parsed
        return
    for scope in ast.walk(ast.parse(source)):
        for function in ast.iter_child_nodes(scope):
            if isinstance(function, ast.FunctionDef) and any(
                isinstance(node, ast.Attribute) and ast.unparse(node) == "object.__setattr__"
                for node in ast.walk(function)
            ):
                yield f"{scope.name}.{function.name}" if isinstance(scope, ast.ClassDef) else function.name


def sources() -> Iterator[tuple[str, str]]:
    for package in (zoo, properties):
        assert package.__file__ is not None
        folder = Path(package.__file__).parent
        for path in folder.rglob("*.py"):
            if "selftest" not in path.parts:
                yield str(path.relative_to(folder)), path.read_text()


def test_all_that_has_fields_is_frozen_but_what_is_filled_in() -> None:
    text = "".join(source for _, source in sources())
    made = re.findall(r"^@dataclass(.*)\n(?:@.*\n)*class (\w+)", text, re.MULTILINE)
    assert len(made) > 60
    assert {name for how, name in made if "frozen=True" not in how} == CHANGED


def test_fields_of_frozen_classes_are_set_only_where_those_are_made() -> None:
    found = [(where, name) for where, source in sources() for name in setters(source)]
    assert len(found) >= 6, found
    assert [at for at in found if not at[1].endswith(MADE)] == []


def test_another_place_would_be_seen() -> None:
    source = "class A:\n    def __post_init__(self):\n        object.__setattr__(self, 'x', 1)\n\n"
    assert list(setters(source)) == ["A.__post_init__"]
    assert list(setters(source + "def f(a):\n    object.__setattr__(a, 'x', 2)\n")) == ["f", "A.__post_init__"]
