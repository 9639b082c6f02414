"""What is printed of a model: its weights as sentences, its claims, how it reads a context."""

from collections.abc import Iterable

import numpy as np

from properties.report.console import console, grid
from zoo.black_box import BlackBox
from zoo.contexts import written
from zoo.digits import apart
from zoo.domain_in_words import described
from zoo.inspection.reading import Reading
from zoo.model import Claim, Lemma, Model

LINES = 100  # of an array
COLUMNS = 16  # tokens side by side


def list_models(models: Iterable[Model]) -> None:
    table = grid("model", "n_ctx", "vocabulary", "d_model", "rule", "source")
    for model in models:
        rule = getattr(model.rule, "__name__", "-")
        d_model = "-" if isinstance(model, BlackBox) else str(model.transformer.d_model)
        sizes = (str(model.n_ctx), _tokens(model), d_model)
        table.add_row(model.name, *sizes, rule, model.source)
    console().print(table)


def _tokens(model: Model) -> str:
    return " ".join(model.vocab) if len(model.vocab) <= 100 else f"of {len(model.vocab)} tokens"


def show(
    model: Model,
    sentences: Iterable[tuple[str, str]],
    claims: Iterable[tuple[Claim, object]],
    lemmas: Iterable[tuple[Lemma, bool]] = (),
) -> None:
    """What the model is, its weights as sentences under titles, its claims with what was recomputed, its deviations.

    And which contexts it speaks of, and its lemmas with whether they are so. All may be iterators: each part is printed
    when it is there.
    """
    out = console()
    transformer = model.transformer
    tied = "tied" if transformer.unembedding is None else "untied"
    heading(model, f"{model.name}: n_ctx {model.n_ctx}, d_model {transformer.d_model}, {transformer.dtype}, {tied}")
    for title, text in sentences:
        if lines := text.splitlines():
            out.print(f"\n{title}", style="bold")
            out.print("\n".join(f"  {line}" for line in lines[:LINES]))
            if len(lines) > LINES:
                out.print(f"  ... and {len(lines) - LINES} more lines")
    stated(model, claims, lemmas)


def heading(model: Model, first: str) -> None:
    """A line that says what it is, then its source and the contexts of which it speaks."""
    out = console()
    out.print(first)
    out.print(f"source: {model.source}" if model.source else "source: not stated")
    if model.domain is not None:
        number, *layouts = described(model.domain, model.vocab)
        out.print("\n  ".join([f"domain: {number}", *layouts[:LINES]]))
        if len(layouts) > LINES:
            out.print(f"  ... and {len(layouts) - LINES} more layouts")


def stated(model: Model, claims: Iterable[tuple[Claim, object]], lemmas: Iterable[tuple[Lemma, bool]]) -> None:
    """Its claims with what was recomputed, its lemmas and deviations."""
    out = console()
    if model.claims:
        table = grid("claim", "claimed", "recomputed", "source")
        for claim, recomputed in claims:
            table.add_row(claim.text, str(claim.claimed), str(recomputed), claim.source)
        out.print()
        out.print(table)
    for lemma, holds in lemmas:
        out.print(f"\nlemma: {lemma.text} ({'holds' if holds else 'does not hold'})")
    for deviation in model.deviations:
        meant = getattr(deviation.meant, "__name__", "another rule")
        contexts = ", ".join(map(written, deviation.contexts))
        out.print(f"\ndeviates from {meant}, which was meant, in {contexts}: {deviation.why}")


def show_reading(reading: Reading) -> None:
    """Where each head looks from each position, and what each part adds to the logits of the last.

    Of many heads, positions or tokens only some are shown, and how many there are is said.
    """
    out = console()
    positions = [f"{token}{i}" for i, token in enumerate(reading.tokens)]
    said = " ".join(answer if isinstance(answer, str) else f"{answer:.6g}" for answer in reading.answers)
    where = f"after {written(reading.tokens)}" if len(reading.answers) == 1 else f"at each of {written(reading.tokens)}"
    out.print(f"\n{where}: {said}", style="bold")
    for name, pattern in reading.patterns[:COLUMNS]:
        table = grid(name, *positions[-COLUMNS:])
        for row, weights in list(zip(positions, pattern[:, -COLUMNS:]))[-COLUMNS:]:
            table.add_row(row, *(f"{weight:.3g}" for weight in weights))
        out.print(table)
        out.print()
    if (heads := len(reading.patterns)) > COLUMNS or len(positions) > COLUMNS:
        out.print(f"the last {COLUMNS} positions at most, of {heads} heads the first {COLUMNS}; see zoo inspect\n")
    outputs, logits, parts = reading.outputs, reading.logits, reading.shares
    best = np.argsort(-logits, kind="stable")[:COLUMNS] if len(outputs) > COLUMNS else range(len(outputs))
    last = " at the last" if len(reading.answers) > 1 else ""
    table = grid(f"share of the logits{last}", *(outputs[i] for i in best))
    least = sorted(abs(share[best[0]]) for _, share in parts)[-2 * COLUMNS :][0]
    for name, share in parts:
        if abs(share[best[0]]) >= least:
            table.add_row(name, *(f"{share[i]:.6g}" for i in best))
    table.add_row("logits", *apart([logits[i] for i in best]), style="bold")
    out.print(table)
    if len(parts) > 2 * COLUMNS:
        out.print(
            f"the {2 * COLUMNS} parts with the most of {outputs[best[0]]}, of {len(parts)}; see zoo inspect --all"
        )
    if len(best) < len(outputs):
        out.print(f"the {len(best)} tokens with the largest logits, of {len(outputs)}")
