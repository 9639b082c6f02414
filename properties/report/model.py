"""What is printed of a model: whether it is right, its weights as sentences, its claims."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Column
from rich.text import Text

from properties.checks.verdict import Verdict
from properties.report.console import console, grid
from properties.report.tables import STYLES
from zoo.black_box import BlackBox
from zoo.contexts import counted, written
from zoo.digits import at_least
from zoo.domain_in_words import described
from zoo.errors import RuleError, printable
from zoo.model import NUMBER, Claim, Lemma, Model

LINES = 100  # of an array


def list_models(listed: Sequence[tuple[Model, bool]]) -> None:
    """Each model and whether it is a family: its sizes, how many contexts it speaks of, what kind it is."""
    numbers = (Column(name, justify="right") for name in ("n_ctx", "d_model", "tokens"))
    table = grid(Column("model", no_wrap=True), *numbers, Column("contexts", justify="right"), "kind")
    for model, family in listed:
        d_model = "-" if isinstance(model, BlackBox) else str(model.transformer.d_model)
        kinds = ", ".join(_kinds(model, family))
        contexts = counted(model.scope.count())
        table.add_row(model.name, str(model.n_ctx), d_model, str(len(model.vocab)), contexts, kinds)
    console().print(table)


def list_as_json(listed: Sequence[tuple[Model, bool]]) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out."""
    models = [
        {
            "name": model.name,
            "n_ctx": model.n_ctx,
            "d_model": None if isinstance(model, BlackBox) else model.transformer.d_model,
            "vocab": list(model.vocab),
            "contexts": str(model.scope.count()),
            "rule": getattr(model.rule, "__name__", None),
            "family": family,
            "kind": _kinds(model, False),
            "source": model.source,
        }
        for model, family in listed
    ]
    return {"version": 1, "models": models}


def _kinds(model: Model, family: bool) -> list[str]:
    kinds = ["family"] if family else []
    kinds += ["domain"] if model.domain is not None else []
    kinds += ["every position"] if model.answers == "every" else []
    kinds += ["a number"] if model.outputs is NUMBER else ["outputs"] if model.outputs is not None else []
    return kinds + (["black box"] if isinstance(model, BlackBox) else [])


def show(
    model: Model,
    settled: Verdict | RuleError | None,
    sentences: Iterable[tuple[str, str]],
    claims: Iterable[tuple[Claim, object]],
    lemmas: Iterable[tuple[Lemma, bool]] = (),
) -> None:
    """What the model is, whether it is right, its weights as sentences under titles, its claims with what came out.

    And which contexts it speaks of, its deviations, its lemmas with whether they are so. All may be iterators: each
    part is printed when it is there.
    """
    out = console()
    transformer = model.transformer
    tied = "tied" if transformer.unembedding is None else "untied"
    heading(model, f"{model.name}: n_ctx {model.n_ctx}, d_model {transformer.d_model}, {transformer.dtype}, {tied}")
    out.print(_right(settled), soft_wrap=True)
    for title, text in sentences:
        if lines := text.splitlines():
            out.print(f"\n{title}", style="bold")
            out.print("\n".join(f"  {line}" for line in lines[:LINES]))
            if len(lines) > LINES:
                out.print(f"  ... and {len(lines) - LINES} more lines")
    stated(model, claims, lemmas)


def _right(settled: Verdict | RuleError | None) -> Text:
    """Whether its answers are right."""
    if settled is None:
        return Text("what is right is not stated: it has no rule and no predictor")
    if isinstance(settled, RuleError):
        return Text(printable(f"what is right cannot be asked: {settled}"), style=STYLES["failed"])
    text = f"{settled.check} {settled.status}"
    if settled.status == "holds":
        least = "" if settled.margin is None else f", by {at_least(settled.margin)} at least"
        text = f"right in {settled.looked_at} contexts{least}"
    elif settled.counterexample is not None:
        text = f"{settled.detail}: {settled.counterexample.sentence()}"
    elif settled.detail:
        text += f": {settled.detail}"
    return Text(printable(text), style=STYLES[settled.status])


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
        table = grid(*(Column(name, overflow="fold") for name in ("claim", "claimed", "recomputed", "source")))
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
