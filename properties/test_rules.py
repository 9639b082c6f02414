"""The rules and predictors of `reference`, against the sources' own words and against each other."""

import itertools

import pytest

import reference
from reference.assembly import AAB, Assembly, parse

CONTEXTS = ["".join(word) for length in range(1, 7) for word in itertools.product("ab", repeat=length)]


def test_the_aab_rule_is_silent_after_bb_and_open_after_a_lone_a() -> None:
    up_to_five = [context for context in CONTEXTS if len(context) <= 5]
    assert len(up_to_five) == 62
    assert [c for c in up_to_five if not reference.aab(c)] == [c for c in up_to_five if c.endswith("bb")]
    assert sum(not reference.aab(c) for c in up_to_five) == 15
    assert [c for c in up_to_five if len(reference.aab(c)) == 2] == ["a"]


def test_the_aab_rule_continues_aabaabaab() -> None:
    text = "aab" * 10
    assert all(reference.aab(text[:i]) == {text[i]} for i in range(2, len(text)))


@pytest.mark.parametrize(
    ("context", "permitted"),
    [("aaa", {"b"}), ("b", {"a"}), ("ba", {"a"}), ("aab", {"a"}), ("abb", set()), ("bb", set())],
)
def test_the_aab_rule_reads_the_last_two_tokens(context: str, permitted: set[str]) -> None:
    assert reference.aab(context) == permitted


def test_the_assembly_lies_within_the_rule_wherever_the_rule_speaks() -> None:
    for context in CONTEXTS:
        permitted = reference.aab(context) or {"a"}  # after bb the assembly says a
        assert reference.aab_assembly(context) in permitted


def test_the_assembly_has_eight_instructions_and_counts_those_it_executes() -> None:
    assert len(reference.aab_assembly.program) == 8
    executed = {c: reference.aab_assembly.run(c)[1] for c in ("b", "a", "ba", "aa", "aab")}
    assert executed == {"b": 3, "a": 6, "ba": 7, "aa": 8, "aab": 3}


def test_a_planted_fault_in_the_listing_is_seen() -> None:
    wrong = Assembly("wrong", AAB.replace("mov dl,'b'", "mov dl,'a'"))
    assert next(c for c in CONTEXTS if wrong(c) not in (reference.aab(c) or {"a"})) == "aa"


@pytest.mark.parametrize(
    ("listing", "sentence"),
    [
        ("add dl,1", "should be mov or cmp"),
        ("mov dl", "should be mov or cmp"),
        ("jne nowhere", "should be a label"),
    ],
)
def test_a_listing_that_cannot_be_read_is_refused(listing: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(listing)


def test_reading_before_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="reads address -1"):
        Assembly("before", "mov dl,[rax+rcx-2]")("a")


def test_third_previous_and_what_was_built() -> None:
    differing = [c for c in CONTEXTS if reference.third_previous(c) != reference.third_previous_as_built(c)]
    assert differing == ["a", "aa", "aaa"]
    assert reference.third_previous("abba") == {"b"}
    assert reference.third_previous("bbba") == {"a"}


def test_either_is_b_where_one_of_the_two_says_b() -> None:
    for context in CONTEXTS:
        says_b = reference.aab_assembly(context) == "b" or reference.third_previous(context) == {"b"}
        assert reference.aab_or_third_previous(context) == ({"b"} if says_b else {"a"})


def test_the_wrong_reading_of_two_head_fails_on_fourteen_contexts() -> None:
    differing = [c for c in CONTEXTS if reference.aab_or_third_previous(c) != reference.two_head_as_built(c)]
    assert len(differing) == 14
    assert differing[:2] == ["baaa", "bbaa"]
