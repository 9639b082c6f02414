"""What is certified to be borne, is: held against weights that are off."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.robustness import tolerance
from properties.selftest.examples import many
from properties.selftest.extreme_models import Drawn, assert_each_occurred, count, transformers
from properties.selftest.extreme_rules import Executed, Function, rule_for, spoken_of
from zoo import Model, ModelError, Transformer, forward
from zoo.transformer.arrays import Array
from zoo.transformer.parts import Name

# As the prover bounds them best, for only there is the certified change close to one that breaks.
SIMPLE = st.sampled_from([[], [], ["attention"], ["relu"]])
DRAWN = st.one_of(
    transformers(most=10),
    SIMPLE.flatmap(lambda kinds: transformers(kinds, most=10, n_ctx=(1, 2), normed=False, rare="close")),
)


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_tolerance(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """Weights that are off by what is certified to be borne leave every answer right."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed, rng = spoken_of(drawn, seed), np.random.default_rng(seed)
    rule = says_the_same(executed) if seed % 4 else rule_for(executed, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tolerance, "STEPS", 30)  # of bisection: what it leaves open would hide what is wrong
        bears = tolerance.certified(Model("extreme", executed.vocab, drawn, rule=rule, domain=executed.domain))
    for kind in ("against", "at random", "at random") if bears and executed.judged(rule) else ():
        signs = at_random(drawn, rng) if kind == "at random" else against(executed, rule, bears)
        changed = drawn.astype(drawn.dtype)
        for where, part in changed.parts():
            for name, array in part.arrays():
                object.__setattr__(part, name, off_by(array, bears * signs[where, name]))
        wrong = Executed(changed, executed.domain).wrong(rule)
        assert not wrong, f"weights may be off by {bears}, but it is wrong after {wrong}"
    count(outcomes, executed, "bears some" if bears else "bears nothing")


def says_the_same(executed: Executed) -> Function:
    table = {context: frozenset([executed.answer(context)]) - {""} for context in executed.logits}

    def rule(context: Any) -> frozenset[str]:
        return table["".join([str(context[i]) for i in range(len(context))])]

    return rule


def at_random(transformer: Transformer, rng: np.random.Generator) -> dict[Name, Array]:
    return {name: rng.choice([-1, 1, 0.5], array.shape) for name, array in transformer.named_arrays().items()}


def against(executed: Executed, rule: Function, share: float) -> dict[Name, Array]:
    """For each weight the direction in which that margin falls that is smallest for its logits."""
    t, judged = executed.transformer, executed.judged(rule)
    sizes = {c: executed.margin(c, its) / float(np.abs(executed.logits[c]).max()) for c, its in judged.items()}
    context = min(sizes, key=lambda c: (sizes[c], c))
    tokens = np.array([[executed.vocab.index(token) for token in context]])
    right = np.array([token in judged[context] for token in executed.vocab])
    step = max(share / 4, 1e-6)
    signs: dict[Name, Array] = {}
    for where, part in (whole := t.astype(np.float64)).parts():
        for name, array in part.arrays():
            signs[where, name] = slopes = np.zeros(array.shape)
            for i in zip(*np.nonzero(array)):
                both = []
                for change in (step, -step):
                    moved = array.copy()
                    moved[i] *= 1 + change
                    object.__setattr__(part, name, moved)
                    logits = forward(whole, tokens, last=True)[0, -1].astype(np.longdouble)
                    both.append(logits[right].max() - logits[~right].max())
                slopes[i] = np.nan_to_num(np.sign(both[1] - both[0]))
            object.__setattr__(part, name, array)
    return signs


def off_by(array: Array, shares: Array) -> Array:
    """Each entry by that share of itself, or a little less where the type has no such number."""
    exact = array.astype(np.longdouble) * (1 + shares.astype(np.longdouble))
    changed = exact.astype(array.dtype)
    beyond = np.abs(changed - array.astype(np.longdouble)) > np.abs(exact - array)
    result: Array = np.where(beyond, np.nextafter(changed, array), changed)
    return result


@pytest.mark.soundness
def test_what_is_certified_to_be_borne_is(outcomes: Counter[str]) -> None:
    @many(31)
    @given(DRAWN, st.integers(0, 2**32 - 1))
    def check(drawn: Drawn, seed: int) -> None:
        check_tolerance(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, "bears some", "bears nothing")
