"""What is frozen is changed by nobody: only where it is made are its fields set."""

import ast
from collections.abc import Iterator
from pathlib import Path

import properties
import zoo

# The stand-in of a lazy context raises there what a real one raises.
MADE = ("__post_init__", "StandIn.__setattr__")


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


def test_fields_of_frozen_classes_are_set_only_where_those_are_made() -> None:
    found = []
    for package in (zoo, properties):
        assert package.__file__ is not None
        folder = Path(package.__file__).parent
        for path in folder.rglob("*.py"):
            if "selftest" not in path.parts:
                found += [(str(path.relative_to(folder)), name) for name in setters(path.read_text())]
    assert len(found) >= 6, found
    assert [at for at in found if not at[1].endswith(MADE)] == []


def test_another_place_would_be_seen() -> None:
    source = "class A:\n    def __post_init__(self):\n        object.__setattr__(self, 'x', 1)\n\n"
    assert list(setters(source)) == ["A.__post_init__"]
    assert list(setters(source + "def f(a):\n    object.__setattr__(a, 'x', 2)\n")) == ["f", "A.__post_init__"]
