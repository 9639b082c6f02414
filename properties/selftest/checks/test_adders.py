"""The adders of two numbers: proved for two digits, and faults of ten found, in sums that are real and go wrong."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

import numpy as np
import pytest

from properties.checks.table import check_model
from zoo import Attention, Basis, Domain, Lemma, Mlp, Model, ModelError
from zoo.models import adder, adder_circle
from zoo.transformer.arrays import Array


def spoken_of(model: Model, column: int) -> Model:
    """The same, asked for the digit of one column only."""
    digits = adder.digits_of(model.n_ctx)
    pattern = ("d" * digits + "+" + "d" * digits + "=" + "d" * digits)[: 2 * digits + 2 + column]
    return replace(model, domain=Domain.layout(pattern, start=len(pattern), d=adder.DIGITS))


@pytest.mark.parametrize(("build", "dtype"), [(adder.build, "float32"), (adder_circle.build, "float64")])
def test_two_digits_are_proved(build: Callable[[int], Model], dtype: str) -> None:
    model = spoken_of(build(8).astype(dtype), 1)
    rule, lemmas = check_model(model, names=["rule", "lemmas"], method="prove")
    assert (rule.status, rule.method, rule.contexts, rule.lengths) == ("holds", "proved", 10**5, {7: 10**5})
    assert build(32).scope.count(22) == 10**20
    assert lemmas.status == "holds"


def changed(model: Model, place: tuple[str, str], change: Callable[[Array], object]) -> Model:
    array = np.array(model.transformer.named_arrays()[place])
    change(array)
    return replace(model, transformer=model.transformer.with_arrays({place: array}))


def wrap_shifted(model: Model) -> Model:
    return changed(model, ("layer 1", "b_in"), lambda b: np.add(b, 8, out=b))


def head_dropped(model: Model) -> Model:
    return changed(model, ("layer 0", "w_o"), lambda w: w[1].fill(0))


def one_column_off(model: Model) -> Model:
    """Column 5 hears its first digit a little more than its second one, and column 8 a little; column 4 the same.

    The number 99, of a sum of 10 with a carry into column 4, is read as another digit where it is less by more than
    0.478. Its own digits 0 and 9 take off 0.085, those of column 4 another 0.4, and a digit in column 8 gives 0.0056
    for each of what it is: so it is wrong for these four digits only, where it is 0 or 1 and there is that carry.
    """
    attention = model.transformer.layers[0]
    assert isinstance(attention, Attention)
    here, before, far = 0.085 / 180, 0.4 / 18, 0.05 / 180
    heard = ({5: 0.5 + here - far, 16: 0.5 - here, 8: far}, {4: 0.5 + before, 15: 0.5 - before})

    def change(w_q: Array) -> None:
        for head, weights in enumerate(heard):
            for place, weight in weights.items():
                w_q[head, 26, place] = adder.SHARP + np.log(weight)

    return changed(model, ("layer 0", "w_q"), change)


def humming(model: Model, shift: float, *shares: float) -> Model:
    """With heads that hear everything alike, and add a share of the mean of all digits; the wrap begins earlier.

    Of six digits each, that mean is 3.9 give or take 0.7 at first, and 7.1 where all but the ones are nines. Neither a
    share of 0.1 nor a wrap 0.83 earlier changes an answer: both together read 9, as 90 and what is hummed, as 8 from
    0.663 on, which of ten other digits are sums from 84 to 90: 8,008 in 10^10.
    """
    attention, mlp = model.transformer.layers
    assert isinstance(attention, Attention)
    assert isinstance(mlp, Mlp)
    assert model.basis is not None
    assert isinstance(model.head_basis, Basis)
    [num], [heard] = model.basis["num"], model.head_basis["num"]
    digit = model.transformer.token_embedding[1] @ num
    arrays = {name: getattr(attention, name) for name in ("w_q", "w_k", "w_v", "w_o")}
    for share in shares:
        new = {"w_q": 0 * arrays["w_q"][0], "w_k": arrays["w_k"][0], "w_v": arrays["w_v"][0]}
        new["w_o"] = np.outer(heard, share / digit * num)
        arrays = {name: np.concatenate([array, new[name][None]]) for name, array in arrays.items()}
    both = replace(attention, **arrays), replace(mlp, b_in=mlp.b_in + shift)
    return replace(model, transformer=replace(model.transformer, layers=both))


def wrap_shifted_a_little(model: Model) -> Model:
    return humming(model, 0.83, 0.1)


def quiet_head_dropped(model: Model) -> Model:
    """One head takes back what the other one hums, but is dropped."""
    return changed(humming(model, 0.83, 0.1, -0.1), ("layer 0", "w_o"), lambda w: w[3].fill(0))


@cache
def uniform(digits: int, column: int) -> list[tuple[str, str]]:
    """Sums of ten thousand pairs of numbers at random, up to a column, and what comes next."""
    random = Random(1)
    drawn = [[random.randrange(10**digits) for _ in range(2)] for _ in range(10_000)]
    texts = [(f"{a:0{digits}}"[::-1], f"{b:0{digits}}"[::-1], f"{a + b:0{digits + 1}}"[::-1]) for a, b in drawn]
    return [(f"{a}+{b}={total[:column]}", total[column]) for a, b, total in texts]


def missed(model: Model, column: int) -> bool:
    """By ten thousand pairs drawn alike; no more are asked together than fit into the cache."""
    asked = uniform(adder.digits_of(model.n_ctx), column)
    for some in (asked[i : i + 250] for i in range(0, len(asked), 250)):
        tokens = np.array([model.encode(context) for context, _ in some])
        said = model.forward(tokens, last=True)[:, -1].argmax(axis=-1)
        if any(model.vocab[i] != digit for i, (_, digit) in zip(said, some, strict=True)):
            return False
    return True


def shown_sum(model: Model, column: int) -> str:
    """What is shown where the proof fails: a real sum, of which the model says another digit."""
    [verdict] = check_model(model, names=["rule"], method="prove")
    assert verdict.status == "failed"
    shown = verdict.counterexample
    assert shown is not None
    context = "".join(shown.context)
    first, _, rest = context.partition("+")
    second, _, written = rest.partition("=")
    total = f"{int(first[::-1]) + int(second[::-1]):0{len(first) + 1}}"[::-1]
    assert written == total[:column]
    assert shown.permitted == (total[column],)
    assert shown.predicted == model.predict(shown.context) != total[column]
    return context


@pytest.mark.parametrize(
    ("fault", "column", "rare"), [(wrap_shifted, 0, False), (head_dropped, 1, False), (one_column_off, 5, True)]
)
def test_a_planted_fault_is_shown_in_a_real_sum(fault: Callable[[Model], Model], column: int, rare: bool) -> None:
    model = spoken_of(fault(adder.build()), column)
    assert missed(model, column) == rare
    shown_sum(model, column)


@pytest.mark.parametrize("build", [adder.build, adder_circle.build])
@pytest.mark.parametrize("fault", [wrap_shifted_a_little, quiet_head_dropped])
def test_what_goes_wrong_among_nines_only_is_missed_and_found(
    build: Callable[[int], Model], fault: Callable[[Model], Model]
) -> None:
    """Before the fault, the sum that is shown goes right; and so it does with half of it."""
    model = spoken_of(fault(build(20)), 0)
    assert missed(model, 0)
    shown = shown_sum(model, 0)
    assert shown.count("9") > 5
    for whole in (humming(build(20), 0.83), humming(build(20), 0, 0.1), humming(build(20), 0.83, 0.1, -0.1)):
        assert whole.predict(shown) == "9"


def test_a_context_that_is_no_sum_is_made_one() -> None:
    """Its column and the one before stay, with what is written there, and with what that says was carried."""
    for context, real in (
        ("12+34=", "12+34="),
        ("15+26=9", "15+26=3"),
        ("123+956=98", "123+956=08"),
        ("123+056=98", "923+956=88"),
        ("123+056=97", "123+056=17"),
        ("123+956=97", "023+056=07"),
    ):
        assert adder.real(context) == real


def test_a_rule_that_reads_a_carry_wrongly_does_not_follow() -> None:
    model = adder.build(8)
    assert adder.follows(model)
    right = model.rule
    assert right is not None
    assert not adder.follows(replace(model, rule=lambda c: {"4"} if c[-1] == "9" else right(c)))


def test_what_makes_a_context_real_may_not_raise() -> None:
    model = head_dropped(adder.build(5))
    broken = Lemma("it follows", adder.follows, lambda context: context[99])
    with pytest.raises(ModelError, match=r"of the lemma 'it follows' real raises IndexError: .*, but should make a"):
        check_model(replace(model, lemmas=[broken]), names=["rule"])
    with pytest.raises(ModelError, match="a lemma is"):
        Lemma("it follows", adder.follows, "real")  # type: ignore[arg-type]


@pytest.mark.parametrize("n_ctx", [1, 4, 6, 31])
def test_a_length_that_no_sum_has_is_refused(n_ctx: int) -> None:
    with pytest.raises(ModelError, match=f"n_ctx is {n_ctx}, but should be 3 d"):
        adder.build(n_ctx)
