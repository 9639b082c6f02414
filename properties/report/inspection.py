"""What `zoo inspect` found, as tables for a terminal."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from rich.table import Column

from properties.report.console import console, grid

FEW = 8  # values of a spectrum, or tokens of a context, that a line has room for
MOST = 16  # heads, or parts, that are listed unless all are asked for
FIGURES = {
    "norm": "norm",
    "scale": "identity",
    "distance": "distance",
    "relative": "relative",
    "symmetric": "symmetric",
    "antisymmetric": "antisym.",
    "rank": "rank",
}
NAMES = {"qk": "W_Q W_K^T", "vo": "W_V W_O"}


def show(found: dict[str, Any], every: bool = False) -> None:
    """Everything, but of many heads and parts only some: those nearest to the identity, those that matter most."""
    out = console()
    tied = "tied: the unembedding is the token embedding" if found["tied"] else "untied"
    out.print(f"{found['name']}: n_ctx {found['n_ctx']}, d_model {found['d_model']}, {found['dtype']}, {tied}")
    out.print(f"source: {found['source']}\n" if found["source"] else "source: not stated\n")
    table = grid("parameter", "shape")
    for name, shape in parameters(found["parameters"]):
        table.add_row(name, " x ".join(map(str, shape)))
    out.print(table)
    if found["heads"]:
        _heads(found["heads"], every)
    if "context" in found:
        _context(found["context"], every)


def parameters(listed: Sequence[dict[str, Any]]) -> list[tuple[str, tuple[int, ...]]]:
    """Names with shapes, layers that are alike in one line: "layer 0, 2 .. 22.w_q"."""
    alike: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for one in listed:
        number, rest = re.fullmatch(r"(?:layer (\d+))?(.*)", one["name"]).groups()  # type: ignore[union-attr]
        numbers = alike.setdefault((*(("layer ", rest) if number else ("", rest)), tuple(one["shape"])), [])
        numbers += [int(number)] if number else []
    return [(f"{kind}{_span(numbers)}{rest}", shape) for (kind, rest, shape), numbers in alike.items()]


def _span(numbers: list[int]) -> str:
    if len(numbers) > 3 and len({b - a for a, b in pairwise(numbers)}) == 1:
        return f"{numbers[0]}, {numbers[1]} .. {numbers[-1]}"
    return ", ".join(map(str, numbers))


def _heads(heads: list[dict[str, Any]], every: bool) -> None:
    """In a table that fits into 80 columns, and their spectra in another."""
    out, shown = console(), heads
    out.print("\nidentity: the multiple of it that is nearest; relative: distance from that over norm;")
    out.print("symmetric, antisym.: norms of the two parts\n")
    if len(heads) > MOST and not every:
        table = grid(f"of {len(heads)} heads", "matrix", *FIGURES.values())
        for key, name in NAMES.items():
            for words, of in (("least", min), ("median", median), ("greatest", max)):
                table.add_row(words, name, *(f"{of([head[key][k] for head in heads]):.4g}" for k in FIGURES))
        out.print(table)
        out.print(f"\nThe {MOST} whose W_Q W_K^T is nearest to a multiple of the identity; --all lists every head:\n")
        shown = sorted(heads, key=lambda head: head["qk"]["relative"])[:MOST]
    table = grid("head", _unbroken("matrix"), *FIGURES.values())
    spectra = grid("head", _unbroken("matrix"), "singular values", "eigenvalues")
    for head in shown:
        for key, name in NAMES.items():
            one, number = head[key], f"{head['layer']}.{head['head']}"
            table.add_row(number, name, *(f"{one[k]:.5g}" for k in FIGURES))
            singular = _few([f"{x:.4g}" for x in one["singular_values"]], FEW)
            spectra.add_row(number, name, singular, _few([_complex(*x) for x in one["eigenvalues"]], FEW // 2))
    out.print(table)
    out.print()
    out.print(spectra)


def _unbroken(name: str) -> Column:
    return Column(name, no_wrap=True)


def _complex(real: float, imaginary: float) -> str:
    return f"{real:.4g}" + (f"{imaginary:+.4g}i" if imaginary else "")


def _context(context: dict[str, Any], every: bool) -> None:
    out = console()
    tokens = context["tokens"]
    beginning = ["..."] if len(tokens) > 2 * FEW else []
    out.print(f"\nafter {' '.join([*beginning, *tokens[-2 * FEW :]])}: {context['answer']}", style="bold")
    table = grid("token", "logit")
    for one in context["top"]:
        table.add_row(one["token"], f"{one['logit']:.6g}")
    out.print(table)
    columns = [one["token"] for one in context["top"]][:FEW]
    table = grid("share of the logits", *columns)
    weights = {one["part"]: abs(one["top"][0]["share"]) for one in context["shares"]}
    parts = _most(context["shares"], lambda one: weights[one["part"]], every)
    for one in parts:
        table.add_row(one["part"], *(f"{share['share']:.6g}" for share in one["top"][:FEW]))
    out.print()
    out.print(table)
    if len(parts) < len(context["shares"]):
        out.print(f"the {MOST} of {len(context['shares'])} parts with the most of {columns[0]}; --all lists every one")
    table = grid("hidden state", "norm at each position")
    for i, state in enumerate(context["hidden_states"]):
        norms = [f"{sum(x * x for x in row) ** 0.5:.4g}" for row in state[-FEW:].tolist()]
        beginning = ["..."] if len(state) > FEW else []
        table.add_row(f"after layer {i - 1}" if i else "embedding", " ".join([*beginning, *norms]))
    out.print()
    out.print(table)
    seen = [f"{t} {i}" for i, t in enumerate(tokens)][-2 * FEW :]
    table = grid("the last position attends to", *seen)
    heads = _most(context["attentions"], lambda one: weights[f"head {one['layer']}.{one['head']}"], every)
    for one in heads:
        row = one["weights"][-1].tolist()[-2 * FEW :]
        table.add_row(f"head {one['layer']}.{one['head']}", *(f"{x:.3g}" for x in row))
    out.print()
    out.print(table)
    if len(tokens) > len(seen):
        out.print(f"the last {len(seen)} of {len(tokens)} positions; --json has all")
    if len(heads) < len(context["attentions"]):
        out.print(f"the {MOST} of {len(context['attentions'])} heads with the most of {columns[0]}; --all lists all")


def _most(parts: list[Any], weight: Callable[[Any], float], every: bool) -> list[Any]:
    """In their order, those of the largest weight."""
    if every or len(parts) <= MOST:
        return parts
    chosen = sorted(range(len(parts)), key=lambda i: weight(parts[i]), reverse=True)[:MOST]
    return [parts[i] for i in sorted(chosen)]


def _few(words: list[str], most: int) -> str:
    return " ".join(words) if len(words) <= 2 * most else " ".join([*words[:most], f"... ({len(words)})"])
