"""A certificate that was tampered with is refused, and the checker that would not see it is found out."""

import copy
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import zoo
from properties.recheck import Rechecked, recheck
from properties.recheck.program import Program
from properties.selftest.examples import assert_occurred, many
from properties.selftest.models import NAMES, two_head
from properties.selftest.proof.certificates import Json, certificate, needs_flint, nodes, structure
from zoo.errors import CertificateError, ZooError


def remove_a_leaf(c: Json) -> None:
    c["trees"]["5"]["to"].pop()


def give_a_leaf_twice(c: Json) -> None:
    c["trees"]["5"]["to"].append(c["trees"]["5"]["to"][0])


def cover_half_twice(c: Json) -> None:
    """As many contexts as there should be, but not the same."""
    c["trees"]["5"]["to"][1] = c["trees"]["5"]["to"][0]


def forget_a_length(c: Json) -> None:
    del c["trees"]["4"]


def split_elsewhere(c: Json) -> None:
    c["trees"]["5"]["at"] = 0


def split_beyond(c: Json) -> None:
    c["trees"]["5"]["at"] = 5


def raise_a_margin(c: Json) -> None:
    next(nodes(c))["margin"] += 1e-6


def raise_the_smallest_margin(c: Json) -> None:
    c["margin"] += 1e-6


def swap_an_answer(c: Json) -> None:
    leaf = next(nodes(c))
    leaf["answer"] = "b" if leaf["answer"] == "a" else "a"


def swap_an_answer_and_what_is_permitted(c: Json) -> None:
    swap_an_answer(c)
    next(nodes(c))["permitted"] = [next(nodes(c))["answer"]]


def permit_everything(c: Json) -> None:
    next(nodes(c))["permitted"] = ["a", "b"]


def skip_a_leaf(c: Json) -> None:
    next(nodes(c))["is"] = "skipped"


def claim_to_have_run(c: Json) -> None:
    next(nodes(c))["is"] = "run"


def prune_a_split(c: Json) -> None:
    """One leaf for both tokens: the rule wants to know which."""
    c["trees"]["5"] = next(nodes(c))


def claim_another_dtype(c: Json) -> None:
    c["dtype"] = "float32"


def claim_another_n_ctx(c: Json) -> None:
    c["n_ctx"] = 4


def claim_another_function(c: Json) -> None:
    c["function"]["name"] = "aab_or_third_previous"


STRUCTURAL = [
    remove_a_leaf,
    give_a_leaf_twice,
    cover_half_twice,
    forget_a_length,
    split_elsewhere,
    split_beyond,
    swap_an_answer,
    swap_an_answer_and_what_is_permitted,
    permit_everything,
    skip_a_leaf,
    claim_to_have_run,
    prune_a_split,
    claim_another_dtype,
    claim_another_n_ctx,
    claim_another_function,
]


@pytest.mark.parametrize("tamper", STRUCTURAL)
def test_a_tampered_certificate_is_refused(tamper: Callable[[Json], None]) -> None:
    model = zoo.load("aab")
    made = certificate(model, reference.aab_assembly)
    assert structure(made, model, reference.aab_assembly) == 62
    tamper(made)
    with pytest.raises(CertificateError):
        structure(made, model, reference.aab_assembly)


@needs_flint
@pytest.mark.parametrize("tamper", [raise_a_margin, raise_the_smallest_margin])
@pytest.mark.parametrize("name", NAMES)
def test_a_margin_that_was_raised_is_refused(tamper: Callable[[Json], None], name: str) -> None:
    model = zoo.load(name)
    made = certificate(model, model.rule)  # type: ignore[arg-type]  # there is one
    tamper(made)
    with pytest.raises(CertificateError, match="the margin of"):
        recheck(made, model, model.rule)  # type: ignore[arg-type]


@needs_flint
@pytest.mark.parametrize("name", [name for name in NAMES if name != "ab"])  # which has no attention, and no levels
@pytest.mark.parametrize(("nudge", "sentence"), [(-1e-6, "is not confirmed"), (1e-6, "but confirmed is")])
def test_a_level_that_was_nudged_is_refused(name: str, nudge: float, sentence: str) -> None:
    model = zoo.load(name)
    made = certificate(model, model.rule)  # type: ignore[arg-type]
    for h in range(len(next(nodes(made))["levels"])):
        nudged = copy.deepcopy(made)
        for row in next(nodes(nudged))["levels"][h]:
            row[:] = [level + nudge for level in row]
        with pytest.raises(CertificateError, match=sentence):
            recheck(nudged, model, model.rule)  # type: ignore[arg-type]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "b", "proved", "run", "", "c"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["at", "to", "is", "a"]), inner, max_size=3)
    ),
    max_leaves=5,
)
MADE = certificate(two_head.MODEL, reference.two_head_as_built)


def mutate(data: st.DataObject, made: Json) -> None:
    """Changes one thing somewhere in it, mostly in its trees."""
    node: Any = made if not made.get("trees") or data.draw(st.integers(0, 9)) == 0 else made["trees"]
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
    monkeypatch.setattr(Program, "excess", lambda self, keys, level: (self.zero, self.zero))


def margins_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("properties.recheck._proved", lambda margins, leaf, model: leaf.margin)


@needs_flint
@pytest.mark.parametrize(
    ("fault", "test"),
    [
        (levels_not_checked, lambda: test_a_level_that_was_nudged_is_refused("aab", -1e-6, "is not confirmed")),
        (margins_not_checked, lambda: test_a_level_that_was_nudged_is_refused("aab", 1e-6, "but confirmed is")),
        (margins_not_checked, lambda: test_a_margin_that_was_raised_is_refused(raise_a_margin, "induction")),
    ],
)
def test_a_fault_planted_in_the_checker_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], test: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test()
