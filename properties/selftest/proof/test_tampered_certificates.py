"""A certificate that was tampered with is refused, and the checker that would not see it is found out."""

import copy
import math
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import zoo
from properties.recheck import Rechecked, means, recheck
from properties.recheck.confirm import Bound, Confirmation
from properties.selftest.examples import assert_occurred, many
from properties.selftest.models import NAMES, two_head
from properties.selftest.proof.certificates import Json, certificate, needs_flint, of_length, structure
from properties.selftest.recheck.liars import GUESSERS, guessing
from zoo import Model
from zoo.errors import CertificateError, ZooError


def at_the_end(c: Json, change: Callable[[list[Any]], list[Any]]) -> None:
    """Contexts of five tokens have another root, which is made of theirs."""
    root = change(copy.deepcopy(of_length(c, 5)))
    c["roots"][4] = len(c["nodes"])
    c["nodes"].append(root)


def remove_a_leaf(c: Json) -> None:
    """Of b there are two."""
    at_the_end(c, lambda node: node[:-1])
    inner = next(i for i, node in enumerate(c["nodes"]) if len(node) == 3 and isinstance(node[0], int))
    c["nodes"][inner].pop()


def leave_out_a_token(c: Json) -> None:
    """There are two parts, of one token."""
    c["sets"] += [[0], [1]]
    at_the_end(c, lambda node: [-2, [len(c["sets"]) - 2, node[1][1]], [len(c["sets"]) - 2, node[1][1]]])


def give_a_leaf_twice(c: Json) -> None:
    at_the_end(c, lambda node: [*node, node[1]])


def cover_half_twice(c: Json) -> None:
    """As many contexts as there should be, but not the same."""
    at_the_end(c, lambda node: [node[0], node[1], node[1]])


def forget_a_length(c: Json) -> None:
    del c["roots"][3]


def split_elsewhere(c: Json) -> None:
    at_the_end(c, lambda node: [-5, *node[1:]])


def split_beyond(c: Json) -> None:
    at_the_end(c, lambda node: [-6, *node[1:]])


def split_at_0(c: Json) -> None:
    """The first position, were it not counted from the end."""
    at_the_end(c, lambda node: [0, *node[1:]])


def split_again(c: Json) -> None:
    """What stands last is known already."""
    at_the_end(c, lambda node: [node[0], *([tokens, c["roots"][4]] for tokens, _ in node[1:])])


def lead_to_itself(c: Json) -> None:
    at_the_end(c, lambda node: [node[0], node[1], [node[2][0], len(c["nodes"])]])


def lead_to_what_comes_behind(c: Json) -> None:
    c["nodes"].reverse()
    c["roots"] = [len(c["nodes"]) - 1 - root for root in c["roots"]]
    for node in c["nodes"]:
        node[1:] = node[1:] if node[0] == "proved" else [[tokens, len(c["nodes"]) - 1 - i] for tokens, i in node[1:]]


def raise_the_margin(c: Json) -> None:
    """By more than what it was rounded down by."""
    c["margin"] *= 1 + 4e-4


def swap_an_answer(c: Json) -> None:
    leaf = next(node for node in c["nodes"] if node[0] == "proved")
    leaf[1] = 1 - leaf[1]


def skip_a_leaf(c: Json) -> None:
    c["nodes"][c["nodes"].index(["proved", 0])] = ["skipped"]


def claim_to_have_run(c: Json) -> None:
    c["nodes"][c["nodes"].index(["proved", 0])] = ["run"]


def prune_a_split(c: Json) -> None:
    """One leaf for both tokens: the rule wants to know which."""
    c["roots"][4] = c["nodes"].index(["proved", 0])


def claim_another_dtype(c: Json) -> None:
    c["dtype"] = "float32"


def claim_another_n_ctx(c: Json) -> None:
    c["n_ctx"] = 4


def claim_another_function(c: Json) -> None:
    c["function"]["name"] = "aab_or_third_previous"


STRUCTURAL = [
    remove_a_leaf,
    leave_out_a_token,
    give_a_leaf_twice,
    cover_half_twice,
    forget_a_length,
    split_elsewhere,
    split_beyond,
    split_at_0,
    split_again,
    lead_to_itself,
    lead_to_what_comes_behind,
    swap_an_answer,
    skip_a_leaf,
    claim_to_have_run,
    prune_a_split,
    claim_another_dtype,
    claim_another_n_ctx,
    claim_another_function,
]


@cache
def made_of(name: str, function: Callable[[Any], Any] | None = None) -> tuple[Model, Json]:
    """A model and its certificate, to be copied before it is changed; induction, of three tokens, at n_ctx 4."""
    model = zoo.load(name, 4 if name == "induction" else None)
    return model, certificate(model, function or model.rule)  # type: ignore[arg-type]  # there is one


@cache
def honest(name: str) -> tuple[Model, Json, Rechecked]:
    """The same, and what is confirmed of it."""
    model, made = made_of(name)
    assert model.rule is not None
    return model, made, recheck(made, model, model.rule)


@pytest.mark.parametrize("tamper", STRUCTURAL)
def test_a_tampered_certificate_is_refused(tamper: Callable[[Json], None]) -> None:
    model, made = made_of("aab", reference.aab_assembly)
    assert structure(made, model, reference.aab_assembly) == 62
    made = copy.deepcopy(made)
    tamper(made)
    with pytest.raises(CertificateError):
        structure(made, model, reference.aab_assembly)


@needs_flint
@pytest.mark.parametrize("name", NAMES)
def test_a_margin_that_was_raised_is_refused(name: str) -> None:
    model, made = made_of(name)
    made = dict(made)
    raise_the_margin(made)
    with pytest.raises(CertificateError, match=r"the margin of .* is .*, but confirmed is"):
        recheck(made, model, model.rule)  # type: ignore[arg-type]


@needs_flint
@pytest.mark.parametrize("guesser", GUESSERS)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "ab"])  # which has no attention, and no levels
def test_whatever_is_guessed_what_is_confirmed_is_so(name: str, guesser: str) -> None:
    """By the margin that is confirmed without a lie, at most; and a margin that was raised is refused."""
    model, made, found = honest(name)
    made, rule = dict(made), model.rule
    assert rule is not None
    with guessing(guesser):
        with suppress(CertificateError):
            assert recheck(made, model, rule).margin <= found.margin * (1 + 1e-9)
        raise_the_margin(made)
        with pytest.raises(CertificateError, match=r"the margin of .* is .*, but confirmed is"):
            recheck(made, model, rule)


@needs_flint
@pytest.mark.parametrize("name", NAMES)
def test_no_changed_child_goes_unnoticed(name: str) -> None:
    """Where a split leads elsewhere, and the graph is another one, it is refused, or as true as before."""
    model, made, found = honest(name)
    assert model.rule is not None
    inner = [(i, node) for i, node in enumerate(made["nodes"]) if isinstance(node[0], int)]
    changes = [(i, k, other) for i, node in inner for k in range(1, len(node)) for other in range(i)]
    seen = Counter[str]()
    for i, k, other in random.Random(0).sample(changes, min(40, len(changes))):
        changed = made | {"nodes": [*made["nodes"]]}
        changed["nodes"][i] = copy.deepcopy(made["nodes"][i])
        changed["nodes"][i][k][1] = other
        try:
            assert recheck(changed, model, model.rule).contexts == found.contexts
            seen["confirmed"] += 1
        except CertificateError:
            seen["refused"] += 1
    assert seen["refused"] >= seen["confirmed"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([0, 1, -1, "a", "proved", "run", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["at", "to", "is", "a"]), inner, max_size=3)
    ),
    max_leaves=5,
)
MADE = certificate(two_head.MODEL, reference.two_head_as_built)


def mutate(data: st.DataObject, made: Json) -> None:
    """Changes one thing somewhere in it, mostly in its graph."""
    part = data.draw(st.sampled_from(["", "", "sets", "nodes", "nodes", "roots"]))
    node: Any = made[part] if made.get(part) else made
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], list | dict) and node[key] and data.draw(st.integers(0, 9)):
            node = node[key]
            continue
        match data.draw(st.sampled_from(["replace", "remove", "double"])):
            case "replace":
                node[key] = data.draw(VALUES)
            case "remove":
                del node[key]
            case "double" if isinstance(node, list):
                node.append(node[key])
        return


def test_a_certificate_that_is_no_certificate_is_refused_in_a_sentence(outcomes: Counter[str]) -> None:
    """Whatever is changed in one, it is confirmed all the same or refused: nothing else is raised."""
    model = zoo.load("two_head")
    confirm: Any = recheck if find_spec("flint") is not None else structure

    @many(100)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        made = copy.deepcopy(MADE)
        for _ in range(data.draw(st.integers(1, 2))):
            mutate(data, made)
        try:
            found = confirm(made, model, reference.two_head_as_built)
        except ZooError as error:
            refused = error
        else:
            outcomes["confirmed"] += 1
            assert (found.contexts if isinstance(found, Rechecked) else found) == 126
            return
        outcomes[f"refused: {type(refused).__name__}"] += 1
        assert "\n" not in str(refused)

    check()
    assert_occurred(outcomes, "confirmed", "refused: CertificateError")


def levels_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(means, "excess", lambda least, most, value, mask, level, counted: 0 * level - 1)


def margins_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Confirmation._bound
    monkeypatch.setattr(Confirmation, "_bound", lambda *its: Bound(max(original(*its).least, 2e3), math.inf))


@needs_flint
@pytest.mark.parametrize(
    ("fault", "test"),
    [
        (levels_not_checked, lambda: test_whatever_is_guessed_what_is_confirmed_is_so("induction", "below them all")),
        (margins_not_checked, lambda: test_whatever_is_guessed_what_is_confirmed_is_so("aab", "infinity")),
        (margins_not_checked, lambda: test_a_margin_that_was_raised_is_refused("induction")),
    ],
)
def test_a_fault_planted_in_the_checker_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], test: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises((pytest.fail.Exception, AssertionError)):
        test()
