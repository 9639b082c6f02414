"""What the command prints of a model: its weights as sentences, its claims, how it reads a context, what it costs."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from zoo.basis import describe
from zoo.contexts import written
from zoo.cost.ladder import Rung
from zoo.cost.operations import flops, instructions, parameters
from zoo.cost.picture import duration
from zoo.digits import apart
from zoo.errors import printable
from zoo.inspection.attribution import shares
from zoo.model import Context, Model
from zoo.transformer import Attention, Layer, Mlp, Norm, forward, unhandled
from zoo.transformer.arrays import Array

LINES, TERMS = 100, 32  # of an array; of a line
COLUMNS = 16  # tokens side by side


def console() -> Console:
    """As wide as the terminal; where there is none, wide enough that no table is cut. What is printed is no markup."""
    plain = Plain(highlight=False, markup=False, emoji=False)
    return plain if plain.is_terminal else Plain(highlight=False, markup=False, emoji=False, width=100_000)


class Plain(Console):
    """A console whose reader may go away, as `head` does, without that being a failure. Control characters are escaped.

    A token of a stranger's model may hold what moves the cursor of a terminal, or sets its title.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(printable(one) if isinstance(one, str) else one for one in objects), **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Grid(Table):
    """A table without lines, control characters escaped as in Plain."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def grid(*columns: str | Column) -> Table:
    return Grid(*(printable(one) if isinstance(one, str) else one for one in columns), box=None, pad_edge=False)


def list_models(models: Iterable[Model]) -> None:
    table = grid("model", "n_ctx", "vocabulary", "d_model", "rule", "source")
    for model in models:
        rule = getattr(model.rule, "__name__", "-")
        sizes = (str(model.n_ctx), _tokens(model), str(model.transformer.d_model))
        table.add_row(model.name, *sizes, rule, model.source)
    console().print(table)


def _tokens(model: Model) -> str:
    return " ".join(model.vocab) if len(model.vocab) <= 100 else f"of {len(model.vocab)} tokens"


def show(model: Model) -> None:
    """Every array as sentences "from this direction to that", then the claims with what was recomputed."""
    out = console()
    transformer = model.transformer
    tied = "tied" if transformer.unembedding is None else "untied"
    out.print(f"{model.name}: n_ctx {model.n_ctx}, d_model {transformer.d_model}, {transformer.dtype}, {tied}")
    out.print(f"source: {model.source}" if model.source else "source: not stated")
    for title, sentences in _sentences(model):
        if lines := sentences.splitlines():
            out.print(f"\n{title}", style="bold")
            out.print("\n".join(f"  {line}" for line in lines[:LINES]))
            if len(lines) > LINES:
                out.print(f"  ... and {len(lines) - LINES} more lines")
    if model.claims:
        table = grid("claim", "claimed", "recomputed", "source")
        for claim in model.claims:
            table.add_row(claim.text, str(claim.claimed), str(claim.recomputed(model)), claim.source)
        out.print()
        out.print(table)
    for deviation in model.deviations:
        meant = getattr(deviation.meant, "__name__", "another rule")
        contexts = ", ".join(map(written, deviation.contexts))
        out.print(f"\ndeviates from {meant}, which was meant, in {contexts}: {deviation.why}")


def _sentences(model: Model) -> Iterable[tuple[str, str]]:
    transformer = model.transformer
    residual = _names(model.basis.names if model.basis else (), transformer.d_model, "dim")
    tokens = [f"token {token}" for token in model.vocab]
    yield "token embedding", _described(transformer.token_embedding, tokens, residual)
    yield (
        "position embedding",
        _described(transformer.position_embedding, [f"position {i}" for i in range(model.n_ctx)], residual),
    )
    for i, layer in enumerate(transformer.layers):
        yield from _norm_sentences(f"layer {i} norm", layer.norm, residual)
        arrays = [array for _, array in layer.arrays()]
        if all(_dense(array) for name, array in layer.arrays() if name.startswith("w_")):
            sentences = [_summary(np.concatenate([array.ravel() for array in arrays]), f"{len(arrays)} arrays")]
        elif isinstance(layer, Attention):
            sentences = list(_head_sentences(model, layer, residual))
        elif isinstance(layer, Mlp):
            sentences = list(_mlp_sentences(layer, residual, [f"neuron {j}" for j in range(layer.sizes["d_mlp"])]))
        else:
            unhandled(layer)
        yield f"layer {i}: {_kind(layer)}", "\n".join(sentences)
    yield from _norm_sentences("final norm", transformer.final_norm, residual)
    if transformer.unembedding is not None:
        yield "unembedding", _described(transformer.unembedding, tokens, residual)


def _kind(layer: Layer) -> str:
    if isinstance(layer, Mlp):
        return f"Mlp, {layer.activation}"
    if isinstance(layer, Attention):
        return f"attention, {'causal' if layer.causal else 'no mask'}, scores times {layer.multiplier:g}"
    unhandled(layer)


def _head_sentences(model: Model, layer: Attention, residual: Sequence[str]) -> Iterable[str]:
    named = model.head_basis.names if model.head_basis else ()
    for h in range(layer.sizes["head"]):
        for what, w, b in (("q", layer.w_q, layer.b_q), ("k", layer.w_k, layer.b_k), ("v", layer.w_v, layer.b_v)):
            inner = _names(named, w.shape[2], "dim")
            yield from (f"head {h} {what}: {line}" for line in _map_sentences(w[h], b, h, residual, inner))
        inner = _names(named, layer.sizes["d_v"], "dim")
        yield from (f"head {h} o: {line}" for line in _described(layer.w_o[h], inner, residual).splitlines())
    if layer.b_o is not None:
        yield _described(layer.b_o[None], ["always"], residual)


def _map_sentences(w: Array, b: Array | None, h: int, rows: Sequence[str], columns: Sequence[str]) -> list[str]:
    bias = "" if b is None else _described(b[h][None], ["always"], columns)
    return [*_described(w, rows, columns).splitlines(), *bias.splitlines()]


def _mlp_sentences(layer: Mlp, residual: Sequence[str], hidden: Sequence[str]) -> Iterable[str]:
    yield _described(layer.w_in, residual, hidden)
    yield _described(layer.b_in[None], ["always"], hidden)
    yield _described(layer.w_out, hidden, residual)
    yield _described(layer.b_out[None], ["always"], residual)


def _norm_sentences(title: str, norm: Norm | None, residual: Sequence[str]) -> Iterable[tuple[str, str]]:
    if norm is not None:
        yield f"{title}, eps {norm.eps:g}", _described(np.stack([norm.weight, norm.bias]), ["times", "plus"], residual)


def _described(matrix: Array, rows: Sequence[str], columns: Sequence[str]) -> str:
    """As sentences, or where one of them would be longer than one can read, what there is."""
    return _summary(matrix, " x ".join(map(str, matrix.shape))) if _dense(matrix) else describe(matrix, rows, columns)


def _dense(array: Array) -> bool:
    return bool(np.count_nonzero(array, axis=-1).max() > TERMS)


def _summary(array: Array, size: str) -> str:
    nonzero, span = np.count_nonzero(array), f"from {array.min():g} to {array.max():g}"
    return f"{size}: {nonzero:,} of {array.size:,} entries are not zero, {span}; too many to read as sentences"


def _names(named: Sequence[str], size: int, kind: str) -> Sequence[str]:
    return named if len(named) == size else [f"{kind} {i}" for i in range(size)]


def show_context(model: Model, context: Context) -> None:
    """Where each head looks from the last position, and what each part adds to the logits there.

    Of many heads, positions or tokens only some are shown, and how many there are is said.
    """
    out = console()
    tokens = model.encode(context)
    trace: dict[str, Array] = {}
    logits = forward(model.transformer, tokens[None], trace)[0]
    read = model.decode(tokens)
    positions = [f"{token}{i}" for i, token in enumerate(read)]
    out.print(f"\nafter {written(read)}: {model.predict(context)}", style="bold")
    heads = [
        (f"attention {i}.{h}", trace[f"{i}.pattern"][0, h])
        for i, layer in enumerate(model.transformer.layers)
        if isinstance(layer, Attention)
        for h in range(layer.sizes["head"])
    ]
    for name, pattern in heads[:COLUMNS]:
        table = grid(name, *positions[-COLUMNS:])
        for row, weights in list(zip(positions, pattern[:, -COLUMNS:]))[-COLUMNS:]:
            table.add_row(row, *(f"{weight:.3g}" for weight in weights))
        out.print(table)
        out.print()
    if len(heads) > COLUMNS or len(positions) > COLUMNS:
        out.print(f"the last {COLUMNS} positions at most, of {len(heads)} heads the first {COLUMNS}; see zoo inspect\n")
    best = np.argsort(-logits[-1], kind="stable")[:COLUMNS] if len(model.vocab) > COLUMNS else range(len(model.vocab))
    table = grid("share of the logits", *(model.vocab[i] for i in best))
    parts = [(name, share[0]) for name, share in shares(model.transformer, trace)]
    least = sorted(abs(share[best[0]]) for _, share in parts)[-2 * COLUMNS :][0]
    for name, share in parts:
        if abs(share[best[0]]) >= least:
            table.add_row(name, *(f"{share[i]:.6g}" for i in best))
    table.add_row("logits", *apart([logits[-1][i] for i in best]), style="bold")
    out.print(table)
    if len(parts) > 2 * COLUMNS:
        out.print(
            f"the {2 * COLUMNS} parts with the most of {model.vocab[best[0]]}, of {len(parts)}; see zoo inspect --all"
        )
    if len(best) < len(model.vocab):
        out.print(f"the {len(best)} tokens with the largest logits, of {len(model.vocab)}")


def costs_as_json(models: Iterable[Model], ladders: dict[str, list[Rung]] | None = None) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out. Ladders are those of models by their names."""
    return {
        "version": 1,
        "models": [
            {
                "name": model.name,
                "n_ctx": model.n_ctx,
                "flops": flops(model.transformer, model.n_ctx),
                "parameters": vars(parameters(model.transformer)),
                "instructions": instructions(model),
                "implementations": _implementations((ladders or {}).get(model.name, [])),
            }
            for model in models
        ],
    }


def _implementations(rungs: Iterable[Rung]) -> list[dict[str, Any]]:
    seconds = {rung.name: rung.seconds for rung in rungs}
    return [
        {
            "name": rung.name,
            "contexts": rung.contexts,
            "seconds_per_context": rung.seconds,
            "times_baseline": _times(rung.seconds, seconds["baseline"]),
            "times_rule": _times(rung.seconds, seconds["rule"]),
        }
        for rung in rungs
    ]


def _encodable(text: str) -> str:
    """With "us" where the stream has no µ."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.replace("µ", "u")
    return text


def _times(one: float | None, other: float | None) -> float | None:
    """How many times the other's cost; None where either was not run."""
    return one / other if one is not None and other is not None else None


def costs(models: Iterable[Model], ladders: dict[str, list[Rung]] | None = None) -> None:
    table = grid("model", "n_ctx", "FLOPs", "parameters", "nonzero", "unique", "instructions")
    for cost in costs_as_json(models)["models"]:
        most = "-" if cost["instructions"] is None else "{least} to {most}".format(**cost["instructions"])
        counts = (cost["n_ctx"], cost["flops"], *cost["parameters"].values())
        table.add_row(cost["name"], *(f"{count:,}" for count in counts), most)
    console().print(table)
    for name, rungs in (ladders or {}).items():
        console().print(f"\n{name}, each context")
        table = grid("implementation", "contexts", "time", "x baseline", "x rule", "FLOPs or instructions")
        for rung, times in zip(rungs, _implementations(rungs)):
            ratios = ("-" if x is None else f"{x:.3g}" for x in (times["times_baseline"], times["times_rule"]))
            work = "-" if rung.operations is None else f"{rung.operations:,.0f}"
            taken = rung.reason if rung.seconds is None else _encodable(duration(rung.seconds))
            table.add_row(rung.name, f"{rung.contexts:,}", taken, *ratios, work)
        console().print(table)
