"""A domain in words: how many contexts of which lengths, and what each position may hold."""

from collections.abc import Sequence

from zoo.contexts import counted
from zoo.domain import Domain, Layout
from zoo.errors import listed

MOST = 16  # positions in a row that are alike, of which a line speaks


def described(domain: Domain, vocab: Sequence[str]) -> list[str]:
    """How many contexts it has; then a line for each layout: "4 to 5 tokens: [0] a, b; [1..3] any token".

    Positions are counted from the first. Only ASCII: it gets into comments of programs.
    """
    said = f"{counted(domain.count())} contexts of {lengths(domain.lengths)}"
    return [said, *(_layout(layout, vocab) for layout in domain.layouts)]


def lengths(some: Sequence[int]) -> str:
    """ "1 to 5 tokens", of lengths in order."""
    first, last = some[0], some[-1]
    return f"{first} token{'s' * (first > 1)}" if first == last else f"{first} to {last} tokens"


def _layout(layout: Layout, vocab: Sequence[str]) -> str:
    said = []
    for tokens, run in layout.runs[:MOST]:
        where = f"[{run[0]}]" if len(run) == 1 else f"[{run[0]}..{run[-1]}]"
        some = listed([token for token in vocab if token in tokens], most=20)
        said.append(f"{where} {some if len(tokens) < len(vocab) else 'any token'}")
    if (others := len(layout.runs) - MOST) > 0:
        said.append(f"and {others} more")
    return f"{lengths(layout.lengths)}: {'; '.join(said)}".encode("ascii", "backslashreplace").decode()
