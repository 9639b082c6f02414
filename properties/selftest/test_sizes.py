"""Everything is short enough to be read at once: a function in one look, a module in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
FOLDERS = ("reference", "zoo", "properties", "benchmarks")
MODULES = sorted(path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py"))
BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
FUNCTION, MODULE = 50, 300  # a function is below, a module not above


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Each function of a module, those within others and in classes too, and its lines from `def` on."""
    for node in statements(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in it, and in that: all but expressions, in which no function begins with `def`."""
    for inner in (one for name in BODIES for one in getattr(node, name, ())):
        yield inner
        yield from statements(inner)


def test_no_function_is_long() -> None:
    sizes = {(str(path.relative_to(CHECKOUT)), *one) for path in MODULES for one in functions(path.read_text())}
    assert len(sizes) > 1000
    assert [one for one in sorted(sizes) if one[-1] >= FUNCTION] == []


def test_no_module_is_long() -> None:
    sizes = {str(path.relative_to(CHECKOUT)): len(path.read_text().splitlines()) for path in MODULES}
    assert len(sizes) > 200
    assert {name: size for name, size in sizes.items() if size > MODULE} == {}


def test_what_is_long_is_found() -> None:
    text = "def short():\n    pass\n\n\nclass A:\n    def long(self):\n" + "        pass\n" * FUNCTION
    assert dict(functions(text)) == {"short": 2, "long": FUNCTION + 1}
