"""Writes the pages of the reference that follow from the code, docs/api.md and docs/command.md: `make docs`."""

import argparse
import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import FunctionType

from properties.command.arguments import EXAMPLES
from properties.command.main import parser

DOCS = Path(__file__).parents[2] / "docs"
MADE = "<!-- Made by `make docs` from the code: change it there. -->"

# What there is to import, and what of it: the names in the order of a reader.
MODULES: dict[str, Sequence[str]] = {
    "zoo": [
        *(
            "Model",
            "Transformer",
            "Attention",
            "Mlp",
            "Norm",
            "Basis",
            "move",
            "describe",
            "load",
            "load_file",
            "names",
        ),
        *("compile_rule", "forward", "Domain", "BlackBox", "Claim", "Cycle", "Deviation", "Lemma"),
        *("ZooError", "ContextError", "ModelError", "RuleError", "FileError", "UnknownNameError"),
    ],
    "zoo.attend": ["position", "previous", "alike"],
    "properties": [
        *(
            "check_model",
            "checks",
            "prove",
            "parametrize_with_checks",
            "count",
            "Verdict",
            "Verdicts",
            "Counterexample",
            "Count",
        )
    ],
    "reference": ["Fold"],
    "zoo.files": ["read", "write_gpt2", "write_zoo"],
    "zoo.compiling": ["read", "assembled"],
    "zoo.generators": ["addends", "structured"],
    "properties.checks.seeking": ["sought"],
    "properties.robustness.edges": ["Edge", "validity_edge", "validity_domain"],
}
NOT_LISTED = {"NUMBER", "Rule", "attend"}  # of `zoo`: a constant, a type, and a module that stands by itself


def api() -> str:
    """Each public name with its signature, its docstring, and of a class its methods."""
    text = [
        "# The API",
        MADE,
        "Every public name, from its docstring. Shapes are in brackets: `[head, d_model, d_head]`. What is handed\n"
        "something that it cannot take raises one of the project's exceptions, a `zoo.ZooError`, with one sentence.\n"
        "`zoo.NUMBER` stands for outputs that are one number. What a model means by its fields together: [a model\n"
        "file](model-file.md).",
    ]
    for module, names in MODULES.items():
        text += [f"## `{module}`", *_module(module)]
        for name in names:
            text += [f"### `{module}.{name}`", *_object(getattr(importlib.import_module(module), name))]
    return "\n\n".join(text) + "\n"


def _module(name: str) -> Iterator[str]:
    if name not in ("zoo", "properties", "reference"):  # whose docstrings are of the folders
        yield inspect.getdoc(importlib.import_module(name)) or ""


def _object(value: object) -> Iterator[str]:
    assert isinstance(value, type) or inspect.isfunction(value)
    node = _parsed(value)[0]
    if isinstance(node, ast.FunctionDef):
        yield f"```py\n{_signature(node, node.name)}\n```"
        yield inspect.getdoc(value) or ""
        return
    assert isinstance(value, type)
    methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    if made := [one for one in methods if one.name == "__init__"]:
        del (made[0].args.posonlyargs or made[0].args.args)[0]
        made[0].returns = None
        yield f"```py\n{_signature(made[0], node.name)}\n```"
    elif bases := [_fields(*_parsed(one)) for one in reversed(value.__mro__) if is_dataclass(one)]:
        fields = dict(field for base in bases for field in base)  # one that is declared anew has its place and new type
        yield "\n".join([f"```py\n{node.name}(", *(f"    {field}" for field in fields.values()), ")\n```"])
    yield inspect.getdoc(value) or ""
    if listed := [_method(one) for one in methods if not one.name.startswith("_") and ast.get_docstring(one)]:
        yield "\n".join(listed)


def _parsed(value: type | FunctionType) -> tuple[ast.FunctionDef | ast.ClassDef, list[str]]:
    """What defines a function or a class, and its lines."""
    source = textwrap.dedent(inspect.getsource(value))
    [node] = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    return node, source.splitlines()


def _signature(node: ast.FunctionDef, name: str) -> str:
    """In one line, or a line for each argument."""
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if len(short := f"{name}({ast.unparse(node.args)}){returned}") <= 100:
        return short
    args, keywords = node.args, zip(node.args.kwonlyargs, node.args.kw_defaults)
    assert args.vararg is args.kwarg is None
    positional = zip(args.args, [None] * (len(args.args) - len(args.defaults)) + [*args.defaults])
    lines = [_argument(*one) for one in positional]
    lines += ["*", *(_argument(*one) for one in keywords)] if args.kwonlyargs else []
    return "\n".join([f"{name}(", *(f"    {line}," for line in lines), f"){returned}"])


def _argument(one: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(one) + (f" = {ast.unparse(default)}" if default is not None else "")


def _fields(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> Iterator[tuple[str, str]]:
    """Those of a dataclass by name, each with the comment that stands behind it."""
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one.annotation):
            comment = lines[one.lineno - 1].rpartition("  # ")[2] if "  # " in lines[one.lineno - 1] else ""
            yield ast.unparse(one.target), f"{ast.unparse(one)}," + (f"  # {comment}" if comment else "")


def _method(node: ast.FunctionDef) -> str:
    """As an item of a list."""
    doc = textwrap.indent(ast.get_docstring(node) or "", "  ").lstrip()
    decorators = {ast.unparse(one) for one in node.decorator_list}
    named = node.name if decorators & {"property", "cached_property"} else _short(node)
    return f"- `{named}`: {doc}"


def _short(node: ast.FunctionDef) -> str:
    """A method as it is called, without types."""
    for one in (*node.args.args, *node.args.kwonlyargs):
        one.annotation = None
    for star in (node.args.vararg, node.args.kwarg):
        if star is not None:
            star.annotation = None
    node.args.args = node.args.args[1:]
    return f"{node.name}({ast.unparse(node.args)})"


def command() -> str:
    """Each subcommand, its arguments and options, and an example."""
    text = [
        "# The command",
        MADE,
        "`zoo COMMAND --help` says the same. Exit status 0 means that all hold or deviate as stated, 1 that something\n"
        "failed or is undecided, 2 wrong usage or bad input, 130 Ctrl-C. What is piped has no colours and no progress\n"
        "bar; `NO_COLOR` is heeded. What `--json` prints is [documented](json.md).",
    ]
    [subcommands] = [one for one in parser()._actions if isinstance(one, argparse._SubParsersAction)]
    helps = {one.dest: one.help for one in subcommands._choices_actions}
    for name, one in subcommands.choices.items():
        text += [f"## `zoo {name}`", str(helps[name]), f"```sh\n{EXAMPLES[name]}\n```"]
        rows = [_row(action) for action in one._actions if not isinstance(action, argparse._HelpAction)]
        if rows:
            text.append("\n".join(["| argument | what it is |", "|---|---|", *rows]))
    return "\n\n".join(text) + "\n"


def _row(action: argparse.Action) -> str:
    value = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else "")
    value = "" if action.nargs == 0 else str(value)
    many = {"*": f"[{value} ...]", "+": f"{value} ...", "?": f"[{value}]", 2: f"{value} {value}"}
    shown = many.get(action.nargs, value) if action.nargs is not None else value
    words = [", ".join(action.option_strings), shown]
    text = (action.help or "").replace("|", "\\|")
    return f"| `{' '.join(word for word in words if word)}` | {text} |"


PAGES = {"api.md": api, "command.md": command}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
