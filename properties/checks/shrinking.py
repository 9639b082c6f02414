"""A wrong context made as short and simple as goes, while it stays wrong: of a black box that cannot be enumerated.

It looks at neighbours only, so that the last is the simplest among them, and not surely the simplest there is.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, groupby

from zoo.contexts import Context, reads_strings
from zoo.domain import Domain


class Shrinker:
    """`wrong` is asked at most `calls` times, within the domain only."""

    def __init__(self, domain: Domain, vocab: Sequence[str], wrong: Callable[[Context], bool], calls: int) -> None:
        self.domain, self.vocab, self.calls = domain, vocab, calls
        self.wrong = wrong
        self.strings = reads_strings(vocab)
        self.order = {token: i for i, token in enumerate(vocab)}
        self.asked: dict[Context, bool] = {}

    def simplest(self, context: Context) -> Context:
        """From a wrong context on, one change after another, as long as there is one that leaves it wrong."""
        now = tuple(context)
        while (better := next(filter(self._still, self._candidates(now)), None)) is not None:
            now = better
        return self._context(now)

    def key(self, words: Sequence[str]) -> tuple[int, int, list[int]]:
        """Shorter is simpler; then fewer tokens that are not the first of the vocabulary; then earlier ones."""
        numbers = [self.order[word] for word in words]
        return len(numbers), len(numbers) - numbers.count(0), numbers

    def _still(self, words: tuple[str, ...]) -> bool:
        """Whether a candidate is in the domain, and wrong too; never, once all calls are used."""
        context = self._context(words)
        if context not in self.asked:
            if len(self.asked) >= self.calls or context not in self.domain:
                return False
            self.asked[context] = self.wrong(context)
        return self.asked[context]

    def _context(self, words: tuple[str, ...]) -> Context:
        return "".join(words) if self.strings else words

    def _candidates(self, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Simpler ones, the boldest first."""
        least = self.key(words)
        for candidate in self._shorter(words):
            yield candidate
        for box in self.domain.boxes(len(words)):
            options = [sorted(box.sets[at], key=self.order.__getitem__) for at in range(len(words))]
            if all(word in may_be for word, may_be in zip(words, options)):
                for candidate in self._lower(words, options):
                    if self.key(candidate) < least:
                        yield candidate

    def _shorter(self, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Its beginnings and ends, then without some tokens in a row."""
        for length in (length for length in self.domain.lengths if length < len(words)):
            yield words[:length]
            yield words[-length:]
        for size in _halves(len(words)):
            for at in range(1, len(words) - size):
                yield words[:at] + words[at + size :]

    def _lower(self, words: tuple[str, ...], options: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
        """Firsts of what may stand there, in a row or shifted in; then lower ones at one place; then at two at a time.

        Of two, both are lower by as much, or one is higher by what the other loses: sums of the two stay as they are.
        """
        for size in _halves(len(words)):
            for at in range(len(words) - size + 1):
                firsts = tuple(may_be[0] for may_be in options[at : at + size])
                yield words[:at] + firsts + words[at + size :]
        yield from _shifted(words, options)
        numbers = [may_be.index(word) for word, may_be in zip(words, options)]
        for at, number in enumerate(numbers):
            for lower in (0, number // 2, number - 1):
                if 0 <= lower < number:
                    yield (*words[:at], options[at][lower], *words[at + 1 :])
        for at, number in enumerate(numbers):
            for other in range(len(words)):
                most = len(options[other]) - 1 - numbers[other]
                for less, more in ((number, -number), (1, -1), (min(number, most), min(number, most)), (1, 1)):
                    if other != at and number >= less > 0 and 0 <= numbers[other] + more < len(options[other]):
                        changed = list(words)
                        changed[at] = options[at][number - less]
                        changed[other] = options[other][numbers[other] + more]
                        yield tuple(changed)


def _shifted(words: tuple[str, ...], options: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Every run of positions that may hold the same, moved to the right: of numbers, all without their last digits.

    Then two such runs exchanged.
    """
    runs = [list(run) for _, run in groupby(range(len(words)), key=lambda at: options[at])]
    for by in reversed(range(1, max(map(len, runs)))):
        shifted = list(words)
        for run in runs:
            if len(run) > 1:
                kept = [options[run[0]][0]] * by + [words[at] for at in run]
                shifted[run[0] : run[-1] + 1] = kept[: len(run)]
        yield tuple(shifted)
    for one, other in combinations(runs, 2):
        if len(one) == len(other) and options[one[0]] == options[other[0]]:
            swapped = list(words)
            for at, its in zip(one, other):
                swapped[at], swapped[its] = words[its], words[at]
            yield tuple(swapped)


def _halves(number: int) -> Iterator[int]:
    while number:
        yield number
        number //= 2
