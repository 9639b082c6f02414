"""What `zoo inspect` found, as tables for a terminal and as a picture."""

from pathlib import Path
from typing import Any

from zoo.errors import FileError
from zoo.inspecting import products
from zoo.model import Model
from zoo.pictures import LARGEST, svg
from zoo.report import console, grid

MOST = 8  # values of a spectrum, or tokens of a context, that a line has room for


def show(found: dict[str, Any]) -> None:
    out = console()
    tied = "tied: the unembedding is the token embedding" if found["tied"] else "untied"
    out.print(f"{found['name']}: n_ctx {found['n_ctx']}, d_model {found['d_model']}, {found['dtype']}, {tied}\n")
    table = grid("parameter", "shape")
    for one in found["parameters"]:
        table.add_row(one["name"], " x ".join(map(str, one["shape"])))
    out.print(table)
    if found["heads"]:
        _heads(found)
    if "context" in found:
        _context(found["context"])


def _heads(found: dict[str, Any]) -> None:
    out = console()
    columns = ("norm", "nearest identity x", "distance", "relative", "symmetric", "antisymmetric", "rank")
    table = grid("head", "matrix", *columns, "singular values")
    for head in found["heads"]:
        for key, name in (("qk", "W_Q W_K^T"), ("vo", "W_V W_O")):
            one = head[key]
            keys = ("norm", "scale", "distance", "relative", "symmetric", "antisymmetric", "rank")
            table.add_row(
                f"{head['layer']}.{head['head']}",
                name,
                *(f"{one[k]:.6g}" for k in keys),
                _few([f"{x:.4g}" for x in one["singular_values"]]),
            )
    out.print()
    out.print(table)


def _context(context: dict[str, Any]) -> None:
    out = console()
    tokens = context["tokens"]
    out.print(f"\nafter {_few(tokens, last=True)}: {context['answer']}", style="bold")
    table = grid("token", "logit")
    for one in context["top"]:
        table.add_row(one["token"], f"{one['logit']:.6g}")
    out.print(table)
    columns = [one["token"] for one in context["top"]][:MOST]
    table = grid("share of the logits", *columns)
    for one in context["shares"]:
        table.add_row(one["part"], *(f"{share['share']:.6g}" for share in one["top"][:MOST]))
    out.print()
    out.print(table)
    table = grid("hidden state", "norm at each position")
    for i, state in enumerate(context["hidden_states"]):
        norms = [f"{sum(x * x for x in row) ** 0.5:.4g}" for row in state]
        table.add_row(f"after layer {i - 1}" if i else "embedding", _few(norms, last=True))
    out.print()
    out.print(table)
    table = grid("the last position attends to", *[f"{t}{i}" for i, t in enumerate(tokens)][-2 * MOST :])
    for one in context["attentions"]:
        table.add_row(f"head {one['layer']}.{one['head']}", *[f"{x:.3g}" for x in one["weights"][-1]][-2 * MOST :])
    out.print()
    out.print(table)


def _few(words: list[str], last: bool = False) -> str:
    if len(words) <= 2 * MOST:
        return " ".join(words)
    shown = words[-MOST:] if last else words[:MOST]
    return " ".join(["...", *shown] if last else [*shown, f"... ({len(words)})"])


def write_svg(model: Model, found: dict[str, Any], path: str) -> None:
    """The picture, to a file. FileError where it cannot be written."""
    try:
        Path(path).write_text(svg(found, products(model, LARGEST)))
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from None
