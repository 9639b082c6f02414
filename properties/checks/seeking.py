"""A wrong context sought by Hypothesis, out of a strategy that knows what is hard, and steered where there are margins.

What it finds is wrong; that it finds nothing says little, and is no verdict.
"""

from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis.strategies import SearchStrategy

from properties.checks.right import allowed, margins, questions
from properties.checks.running import answer_logits, counterexample
from properties.proof.counterexample import Counterexample
from zoo.black_box import BlackBox
from zoo.errors import ModelError
from zoo.model import Context, Model


class _FoundError(Exception):
    """What makes Hypothesis look for a simpler one."""


def sought(
    model: Model, contexts: SearchStrategy[Context], examples: int = 1000, start: int = 0
) -> Counterexample | None:
    """The simplest wrong context found, as Hypothesis makes it simpler; None where none of the examples was wrong.

    A model with logits is steered towards small margins. `start` is the seed. ModelError where nothing says what is
    right.
    """
    if model.rule is None and not model.predictors:
        raise ModelError(f"{model.name} has neither rule nor predictor, but should have one for it to be wrong by")
    found: list[Counterexample] = []

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.target, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(contexts)
    def look(context: Context) -> None:
        wrong = _wrong(model, context)
        if wrong is not None:
            found.append(wrong)
            raise _FoundError

    try:
        look()
    except _FoundError:
        return found[-1]  # Hypothesis ends with the simplest
    return None


def _wrong(model: Model, context: Context) -> Counterexample | None:
    if isinstance(model, BlackBox):
        rule = [] if model.rule is None else [model.asked(model.rule, "rule")]
        asks = [*rule, *(model.asked(predictor, "predictor") for predictor in model.predictors)]
        for asked in asks:
            if model.judges(permitted := asked(context)) and not model.right(
                said := model.predict.say(context), permitted
            ):
                return Counterexample(context, said.answer, tuple(sorted(permitted)), (), None, "", said.problem)
        return None
    tokens = model.encode(context)[None]
    logits = answer_logits(model, tokens, exact=True)
    for question in questions(model):
        right = allowed(model, [context], question)
        by = margins(model, logits, [right])
        worst = int(by.argmin())
        if not by[worst] > 0:
            return counterexample(model, tokens, worst, logits, right)
        if by[worst] < float("inf"):
            target(-float(by[worst]), label=f"small margin by {question.kind}")
    return None
