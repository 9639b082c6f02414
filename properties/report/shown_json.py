"""What `zoo show` found, as JSON; docs/json.md spells out the schema, version 1."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from properties.checks.verdict import Verdict
from zoo.black_box import BlackBox
from zoo.contexts import written
from zoo.errors import RuleError
from zoo.inspection.reading import Reading
from zoo.model import Claim, Context, Lemma, Model


def as_json(
    model: Model,
    settled: Verdict | RuleError | None,
    sentences: Iterable[tuple[str, str]],
    claims: Iterable[tuple[Claim, object]],
    lemmas: Iterable[tuple[Lemma, bool]],
) -> dict[str, Any]:
    """What the model is, whether it is right, its weights as sentences and what is stated of it."""
    weights = None if isinstance(model, BlackBox) else model.transformer
    return {
        "version": 1,
        "name": model.name,
        "n_ctx": model.n_ctx,
        "d_model": None if weights is None else weights.d_model,
        "dtype": None if weights is None else str(weights.dtype),
        "tied": None if weights is None else weights.unembedding is None,
        "source": model.source,
        "right": settled.as_json() if isinstance(settled, Verdict) else _problem(settled),
        "weights": [{"part": title, "lines": text.splitlines()} for title, text in sentences if text],
        "claims": [
            {"text": claim.text, "claimed": str(claim.claimed), "recomputed": str(found), "source": claim.source}
            for claim, found in claims
        ],
        "lemmas": [{"text": lemma.text, "holds": holds} for lemma, holds in lemmas],
        "deviations": [
            {
                "meant": getattr(one.meant, "__name__", None),
                "contexts": list(map(written, one.contexts)),
                "why": one.why,
            }
            for one in model.deviations
        ],
    }


def _problem(error: RuleError | None) -> dict[str, str] | None:
    return None if error is None else {"problem": str(error)}


def answered(context: Context, answers: Sequence[str | float]) -> dict[str, Any]:
    """What is known of how a black box reads a context."""
    return {"tokens": list(context), "answers": list(map(_answer, answers))}


def read(reading: Reading, permitted: Sequence[frozenset[Any]] | None) -> dict[str, Any]:
    """How a context is read, whole."""
    return {
        "tokens": list(reading.tokens),
        "answers": list(map(_answer, reading.answers)),
        "permitted": None if permitted is None else [sorted(here) for here in permitted],
        "outputs": list(reading.outputs),
        "logits": _numbers(reading.logits),
        "heads": [
            {"name": name, "weights": list(map(_numbers, pattern)), "scores": _numbers(scores)}
            for (name, pattern), scores in zip(reading.patterns, reading.scores)
        ],
        "neurons": [
            {"layer": layer, "neuron": one.number, "reads": one.reads, "value": one.value, "writes": one.writes}
            for layer, _, neurons in reading.mlps
            for one in neurons
        ],
        "shares": [{"part": name, "logits": _numbers(share)} for name, share in reading.shares],
    }


def _answer(answer: str | float) -> str | float | None:
    """JSON has no NaN and no infinity."""
    return answer if isinstance(answer, str | int) else float(answer) if math.isfinite(answer) else None


def _numbers(values: Iterable[Any]) -> list[str | float | None]:
    return [_answer(float(value)) for value in values]
