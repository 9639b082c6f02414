"""Small members of the families, held to their rules."""

from dataclasses import replace
from random import Random

import pytest

import reference
import zoo
from properties.checks.table import check_model
from zoo import ModelError
from zoo.models import automaton, modular, order

ANSWERS = ["rule", "predictors", "margin", "float32", "cycle"]


@pytest.mark.parametrize("name", ["ab", "aab", "aab_compact", "two_head_either"])
@pytest.mark.parametrize("n_ctx", range(1, 10))
def test_every_small_member_of_a_family_holds(name: str, n_ctx: int) -> None:
    verdicts = check_model(zoo.load(name, n_ctx=n_ctx), names=ANSWERS)
    assert [verdict.message() for verdict in verdicts if verdict.status != "holds"] == []


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("aabaab_c", [1, 4, 5, 6]),
        ("automaton", [2, 8]),
        ("brackets_two", [1, 3]),
        ("copy", [2, 6]),
        ("count", [1, 9]),
        ("increment", [2, 6]),
        ("maximum", [1, 4]),
        ("mirror", [2, 6]),
        ("rule110", [5, 8]),
        ("sort", [2, 6]),
    ],
)
def test_small_members_of_the_other_families_hold(name: str, sizes: list[int]) -> None:
    for n_ctx in sizes:
        verdicts = check_model(zoo.load(name, n_ctx=n_ctx), names=ANSWERS)
        assert [verdict.message() for verdict in verdicts if verdict.status != "holds"] == []


@pytest.mark.parametrize("last", range(1, 7))
def test_every_order_of_up_to_six_tokens_is_told_apart(last: int) -> None:
    verdicts = check_model(order.build(7, last), names=ANSWERS)
    assert [verdict.message() for verdict in verdicts if verdict.status != "holds"] == []


def test_any_table_is_an_automaton() -> None:
    for seed in range(5):
        random = Random(seed)
        states, inputs = "pqrs"[: random.randint(1, 4)], "xyz"[: random.randint(1, 3)]
        table = {(state, given): random.choice(states) for state in states for given in inputs}
        model = automaton.build(4, table)
        verdicts = check_model(model, names=ANSWERS)
        # Where there is one state, nothing else could follow, but for an input.
        assert [verdict.message() for verdict in verdicts if verdict.status != "holds"] == []
        state, given = random.choice(list(table))
        wrong = table | {(state, given): next(token for token in [*states, *inputs] if token != table[state, given])}
        [verdict] = check_model(replace(model, rule=reference.next_state(wrong)), names=["rule"])
        assert verdict.counterexample is not None
        assert verdict.counterexample.context == state + given


def test_any_modulus() -> None:
    for modulus in (2, 3, 11):
        verdicts = check_model(modular.build(modulus), names=ANSWERS)
        assert [verdict.message() for verdict in verdicts if verdict.status != "holds"] == []


@pytest.mark.parametrize(("name", "n_ctx"), [("copy", 7), ("mirror", 0), ("sort", 1), ("increment", 3), ("order", 2)])
def test_a_length_that_no_member_has_is_refused(name: str, n_ctx: int) -> None:
    with pytest.raises(ModelError, match="but should"):
        zoo.load(name, n_ctx=n_ctx)


def test_words_of_the_rules() -> None:
    """What the rules say, spelled out."""
    assert reference.order(3)("bbaab") == {"aab"}
    assert [reference.count(3)(text) for text in ("abaa", "aab", "b")] == [{"3+"}, {"2"}, {"0"}]
    assert reference.maximum("0123")("1021") == {"2"}
    assert reference.copied(4)("abba|ab") == {"b"}
    assert reference.mirrored(4)("aabb|bb") == {"a"}
    assert [reference.sorted_tokens(4)("baca|" + "aabc"[:k]) for k in range(4)] == [{"a"}, {"a"}, {"b"}, {"c"}]
    assert [reference.two_kinds_of_brackets(text) for text in ("()", "(", "([", "([]", "(]", "(((")] == [
        *({"(", "["}, {"(", "[", ")"}, {"]"}, {"(", "[", ")"}, set(), set())
    ]
    assert reference.increment(4)("0111=") == {"1"}
    assert [reference.increment(3)("111=" + "00"[:k]) for k in range(3)] == [{"0"}] * 3
    assert reference.sum_modulo(7)(("5", "+", "4", "=")) == {"2"}
    cells = "10001"  # and what is below: of 100, 000, 001, 010, 100, 001 and 011
    while len(cells) < 12:
        cells += next(iter(reference.rule_110(4)(cells)))
    assert cells[5:] == "0011011"
    assert reference.sum_from_the_ones(2)("90+80=7") == {"1"}
    assert reference.aabaab_c("baabaab") == {"c"}
