"""A domain as it is printed: how many contexts of which lengths, and what each position may hold."""

from zoo.domain import Domain
from zoo.domain_in_words import described


def test_layouts_are_lines() -> None:
    domain = Domain.layout("d+d=x", start=4, d="01", x="01+=") | Domain.layout("=" * 3, start=3)
    assert described(domain, "01+=") == [
        "21 contexts of 3 to 5 tokens",
        "4 to 5 tokens: [0] 0, 1; [1] '+'; [2] 0, 1; [3] '='; [4] any token",
        "3 tokens: [0..2] '='",
    ]
    assert described(Domain.layout("0"), "01+=") == ["1 contexts of 1 token", "1 token: [0] 0"]


def test_positions_in_a_row_are_one_part_and_many_parts_are_cut() -> None:
    vocab = ["^", *map(str, range(100))]
    long = Domain.layout(["^", *["d"] * 999], start=2, d=vocab[1:])
    assert described(long, vocab) == [
        "~2^6637 contexts of 2 to 1000 tokens",
        "2 to 1000 tokens: [0] '^'; [1..999] 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 90 others",
    ]
    [_, alternating] = described(Domain.layout("ab" * 20), "ab")
    assert alternating.endswith("[14] a; [15] b; and 24 more")


def test_what_is_no_ascii_is_escaped() -> None:
    """It gets into comments of programs."""
    vocab = ["é", "\\", "a\n"]
    [_, line] = described(Domain.layout(["x", "é"], x=vocab[1:]), vocab)
    assert line == "1 to 2 tokens: [0] '\\\\', 'a\\n'; [1] \\xe9"
    assert line.isascii()
