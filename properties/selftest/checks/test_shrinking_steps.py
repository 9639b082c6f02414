"""What is tried to make a wrong context simpler, in which order, and no more than that: small cases by hand."""

from collections.abc import Callable

import pytest

from properties.checks.shrinking import Shrinker, _halves, _shifted
from zoo import Domain
from zoo.contexts import Context

VOCAB = "abcdefghi"


def shrinker(domain: Domain, wrong: Callable[[Context], bool] = lambda context: True, calls: int = 100) -> Shrinker:
    return Shrinker(domain, VOCAB, wrong, calls)


def lower(words: str, *options: str) -> list[str]:
    found = shrinker(Domain.every(VOCAB, len(words)))._lower(tuple(words), options)
    return ["".join(candidate) for candidate in found]


def shifted(words: str, *options: str) -> list[str]:
    return ["".join(candidate) for candidate in _shifted(tuple(words), options)]


def test_beginnings_and_ends_of_lengths_that_there_are_then_inner_runs() -> None:
    found = ["".join(one) for one in shrinker(Domain.every(VOCAB, 9, start=6))._shorter(tuple("bcdefghi"))]
    ends = ["bcdefg", "defghi", "bcdefgh", "cdefghi"]
    without_four = ["bghi", "bchi", "bcdi"]
    without_two = ["befghi", "bcfghi", "bcdghi", "bcdehi", "bcdefi"]
    without_one = ["bdefghi", "bcefghi", "bcdfghi", "bcdeghi", "bcdefhi", "bcdefgi"]
    assert found == ends + without_four + without_two + without_one


def test_runs_get_half_as_long_each_time() -> None:
    assert [list(_halves(number)) for number in (0, 1, 2, 7, 8)] == [[], [1], [2, 1], [7, 3, 1], [8, 4, 2, 1]]


def test_shorter_is_simpler_then_more_firsts_then_earlier_ones() -> None:
    key = shrinker(Domain.every(VOCAB, 9)).key
    assert key("abac") == (4, 2, [0, 1, 0, 2])
    assert sorted(["aab", "bi", "bb", "ia", "ai", "aa", "i"], key=key) == ["i", "aa", "ai", "ia", "bb", "bi", "aab"]


@pytest.mark.parametrize(
    ("words", "options", "firsts", "at_one", "at_two"),
    [
        ("h", ["abcdefgh"], ["a"], ["a", "d", "g"], []),  # the first, half of seven, one less
        ("g", ["bdfg"], ["b"], ["b", "d", "f"], []),  # by their numbers among those that may stand there
        ("b", ["b"], ["b"], [], []),
        # The first is the fourth, the second is the second: both lose one; what one loses the other gets.
        ("db", ["abcd", "abcde"], ["aa", "ab", "da"], ["ab", "bb", "cb", *3 * ["da"]], ["ca", "ae", "cc", "ca", "ca"]),
        # Both lose as much as the first has, or one; what the second loses the first gets: as much as it can, or one.
        (
            "ce",
            ["abcde", "abcdef"],
            ["aa", "ae", "ca"],
            ["ae", "be", "be", "ca", "cc", "cd"],
            ["ac", "bd", "bf", "bf", "bd", "ec", "dd"],
        ),
        # There is none before the first to go to.
        ("ac", ["ab", "abcd"], ["aa", "ac", "aa"], ["aa", "ab", "ab"], ["bb", "bb"]),
    ],
)
def test_firsts_then_lower_ones_at_one_place_then_at_two(
    words: str, options: list[str], firsts: list[str], at_one: list[str], at_two: list[str]
) -> None:
    assert lower(words, *options) == firsts + at_one + at_two


def test_firsts_of_every_row_the_longest_before() -> None:
    options = ["abc", "bcd", "cde", "def"]
    firsts = ["abcd", "abef", "cbcf", "cdcd", "adef", "cbef", "cdcf", "cded"]
    assert lower("cdef", *options)[:8] == firsts


@pytest.mark.parametrize(
    ("words", "options", "moved"),
    [
        ("cba+cab", ["abc"] * 3 + ["+"] + ["abc"] * 3, ["aac+aac", "acb+aca", "cab+cba"]),
        # The shorter run is empty before the longer one is; only runs that are as long can be exchanged.
        ("bcde+fe", ["abcdef"] * 4 + ["+"] + ["abcdef"] * 2, ["aaab+aa", "aabc+aa", "abcd+af"]),
        # One position alone stays; what may hold something else is not exchanged, though it is as long.
        ("bcbbc", ["abc", "abc", "ab", "abc", "abc"], ["abbab", "bcbbc"]),
        ("bcbc", ["abc", "abc", "bc", "bc"], ["abbb"]),
        ("b+c", ["abc", "+", "abc"], ["c+b"]),
    ],
)
def test_runs_moved_to_the_right_and_exchanged(words: str, options: list[str], moved: list[str]) -> None:
    assert shifted(words, *options) == moved


def test_only_what_is_simpler_is_tried_of_the_layout_that_it_is_in() -> None:
    domain = Domain.layout("xy", x="bc", y="ab") | Domain.layout("xy", x="ad", y="abc")
    first, second = (["".join(one) for one in shrinker(domain)._candidates(tuple(words))] for words in ("ca", "dc"))
    assert first == ["c", "a", *5 * ["ba"]]
    assert second == ["d", "c", "aa", "ac", "da", *3 * ["ac"], "da", *2 * ["db"], *3 * ["ab"]]


def test_each_is_asked_once_and_no_more_than_so_many() -> None:
    asked = list[Context]()

    def wrong(context: Context) -> bool:
        asked.append(context)
        return context == "b"

    one = shrinker(Domain.every("abc", 2), wrong, calls=3)
    answers = [one._still(tuple(words)) for words in ("a", "b", "abc", "b", "ab", "ba", "a", "b")]
    assert answers == [False, True, False, True, False, False, False, True]
    assert asked == ["a", "b", "ab"]
