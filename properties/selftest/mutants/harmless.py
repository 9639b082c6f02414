"""The changes that no test need miss: a list, each with its reason, and whether an entry still applies."""

import ast
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KINDS = ("tightness", "message", "equivalent")
LIST = Path(__file__).with_name("harmless.toml")


@dataclass(frozen=True)
class Change:
    """A changed place, by its text: line numbers move."""

    module: str
    function: str  # or class; empty outside
    before: str
    after: str

    @classmethod
    def of(cls, module: str, function: str, diff: str) -> "Change":
        before, after = (
            squeezed(line[1:] for line in diff.split("\n")[3:] if line.startswith(sign)) for sign in ("-", "+")
        )
        return cls(module, function, before, after)


@dataclass(frozen=True)
class Harmless:
    """An entry of the list."""

    change: Change
    kind: str
    reason: str


def squeezed(lines: Iterable[str]) -> str:
    """Lines as one, with single spaces."""
    return " ".join(" ".join(lines).split())


def listed(path: Path = LIST) -> list[Harmless]:
    entries = tomllib.loads(path.read_text()).get("harmless", [])
    return [
        Harmless(Change(*(one[name] for name in ("module", "function", "before", "after"))), one["kind"], one["reason"])
        for one in entries
    ]


def fault(entry: Harmless, root: Path) -> str | None:
    """Why an entry cannot stay, as far as the source tells; a run tells whether a test misses the change by now."""
    change = entry.change
    if entry.kind not in KINDS or not entry.reason.strip():
        return f"{change.module}: the kind should be one of {', '.join(KINDS)}, with a reason"
    path = root / change.module
    text = path.read_text() if path.is_file() else ""
    if change.before not in squeezed(within(text, change.function)):
        return f"{change.module}: {change.function or 'the module'} no longer says {change.before!r}"
    return None


def within(text: str, name: str) -> list[str]:
    """The lines of the functions and classes of that name, or all of them."""
    if not name:
        return text.splitlines()
    nodes = [node for node in _named(text) if node.name == name]
    return [line for node in nodes for line in text.splitlines()[node.lineno - 1 : node.end_lineno]]


@cache
def _named(text: str) -> list[ast.FunctionDef | ast.ClassDef]:
    """The functions and classes of a module: it has many entries."""
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
