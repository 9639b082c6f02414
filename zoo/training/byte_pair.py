"""A byte-pair tokenizer: characters, and tokens merged from the pairs that are most frequent in a text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zoo.errors import ContextError

END_OF_TEXT = "<|endoftext|>"
Pair = tuple[str, str]


@dataclass(frozen=True)
class BytePair:
    """The characters it knows, in the order of their numbers, and the merges, the earliest one first.

    Token numbers run over the characters, then the merged tokens, then END_OF_TEXT.
    """

    characters: tuple[str, ...]
    merges: tuple[Pair, ...]

    @property
    def vocab(self) -> tuple[str, ...]:
        """The token of each number. Two merges that spell the same token share its number."""
        return tuple(dict.fromkeys([*self.characters, *(a + b for a, b in self.merges), END_OF_TEXT]))

    def encode(self, text: str, end: bool = True) -> list[int]:
        """The numbers of a text's tokens, with END_OF_TEXT's at the end unless `end` is false.

        The earliest merge that applies anywhere is applied everywhere, until none applies. Raises ContextError for a
        character that was not in the training text (capital letters are not) and for the marker END_OF_TEXT itself.
        """
        if END_OF_TEXT in text:
            raise ContextError(f"the text contains {END_OF_TEXT}, but should leave it to the tokenizer")
        if unknown := sorted(set(text) - set(self.characters)):
            known = "".join(self.characters)
            raise ContextError(f"character {unknown[0]!r} is unknown, but should be one of {known!r}")
        rank = {pair: i for i, pair in enumerate(self.merges)}
        words = list(text)
        while found := rank.keys() & pairwise(words):
            words = merge(words, min(found, key=rank.__getitem__))
        number = {token: i for i, token in enumerate(self.vocab)}
        return [number[word] for word in words] + [number[END_OF_TEXT]] * end

    def decode(self, numbers: Sequence[int]) -> str:
        """The text that numbers stand for; END_OF_TEXT is left out at the end, and spelled out before it."""
        vocab = self.vocab
        for number in numbers:
            if not 0 <= number < len(vocab):
                raise ContextError(f"token {number} is out of range, but should be from 0 to {len(vocab) - 1}")
        words = [vocab[number] for number in numbers]
        return "".join(words[:-1] if words and words[-1] == END_OF_TEXT else words)


def train(texts: Iterable[str], merges: int = 5) -> BytePair:
    """The tokenizer that so many merges make of the texts, lower-cased and joined without anything between them.

    Each merge joins the pair that occurs most often, overlaps counted; of pairs that occur as often, the one that
    appears first in the text as it then stands. There are fewer merges if the text is a single token before.
    Raises ContextError for texts that are none, and for a number of merges below 0.
    """
    if not isinstance(merges, int) or merges < 0:
        raise ContextError(f"{merges!r} merges were asked for, but should be a whole number from 0 on")
    try:
        text = "".join(texts).lower()
    except TypeError:
        raise ContextError(f"the training texts are {repr(texts)[:60]}, but should be strings") from None
    if END_OF_TEXT in text:
        raise ContextError(f"the training text contains {END_OF_TEXT}, but should leave it to the tokenizer")
    words, made = list(text), list[Pair]()
    while len(made) < merges and len(words) > 1:
        [(pair, _)] = Counter(pairwise(words)).most_common(1)  # of equals, the one counted first
        made.append(pair)
        words = merge(words, pair)
    return BytePair(tuple(sorted(set(text))), tuple(made))


def merge(words: Sequence[str], pair: Pair) -> list[str]:
    """Every occurrence of the pair joined, from the left: a, a, a with the pair (a, a) is aa, a."""
    result, i = [], 0
    while i < len(words):
        joined = tuple(words[i : i + 2]) == pair
        result.append("".join(pair) if joined else words[i])
        i += 1 + joined
    return result
