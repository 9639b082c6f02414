"""Contexts that are likely to be wrong, at random: what a black box is tried on where not every context can be.

A generator is a function of a `random.Random`. `sums` knows addition; `structured` knows only which contexts there are.
"""

from collections.abc import Callable, Sequence
from random import Random

from zoo import contexts
from zoo.contexts import Context
from zoo.domain import Domain

DIGITS = "0123456789"
Digits = list[int]  # of a number, the ones first


def written_sum(a: int, b: int, digits: int = 10) -> str:
    """ "0000000012+0000000034=": two numbers as a context, filled up with zeros."""
    return f"{a:0{digits}}+{b:0{digits}}="


def sums(digits: int = 10) -> Callable[[Random], str]:
    """Two numbers as `addends` draws them, as a context of so many digits each."""
    return lambda random: written_sum(*addends(random, digits), digits)


def sums_domain(digits: int = 10) -> Domain:
    """Every such context."""
    return Domain.layout("d" * digits + "+" + "d" * digits + "=", start=2 * digits + 2, d=DIGITS)


def addends(random: Random, digits: int = 10) -> tuple[int, int]:
    """Two numbers of at most so many digits, of one of the kinds below; the first or the second may be either."""
    pair = random.choice(KINDS)(random, digits)
    if random.random() < 0.5:
        pair = pair[::-1]
    a, b = (sum(digit * 10**i for i, digit in enumerate(number)) for number in pair)
    return a, b


def _any(random: Random, digits: int) -> Digits:
    return random.choices(range(10), k=digits)


def _uniform(random: Random, digits: int) -> tuple[Digits, Digits]:
    return _any(random, digits), _any(random, digits)


def _chain(random: Random, digits: int) -> tuple[Digits, Digits]:
    """From any column on, any number of columns whose sum is 9, behind one that carries, or does not quite.

    Half of the time there is nothing beside them, so that the carry comes from nowhere else.
    """
    a, b = _uniform(random, digits) if random.random() < 0.5 else ([0] * digits, [0] * digits)
    start = random.randrange(digits)
    for i in range(start, start + random.randint(1, digits - start)):
        a[i] = random.choice((0, 9, random.randrange(10)))
        b[i] = 9 - a[i]
    if random.random() < 0.8:
        total = random.choice((10, 10, random.randint(8, 18)))
        a[start] = random.randint(max(0, total - 9), min(9, total))
        b[start] = total - a[start]
    return a, b


def _nines(random: Random, digits: int) -> tuple[Digits, Digits]:
    """Nines to the top, and what may carry into any of them."""
    size = random.randint(1, digits)
    a, b = [9] * size + [0] * (digits - size), [0] * digits
    b[random.randrange(digits)] = random.randrange(10)
    return a, b if random.random() < 0.7 else list(a)


def _short(random: Random, digits: int) -> tuple[Digits, Digits]:
    """Numbers of any length, 0 too, which need not be alike."""
    first, second = (_any(random, digits) for _ in range(2))
    for number in (first, second):
        size = random.randint(0, digits)
        number[size:] = [0] * (digits - size)
    return first, second


def _runs(random: Random, digits: int) -> tuple[Digits, Digits]:
    """Numbers of runs of one digit, or of a few digits again and again."""
    return _run(random, digits), _run(random, digits)


def _run(random: Random, digits: int) -> Digits:
    period = _any(random, random.randint(1, 3))
    if random.random() < 0.5:
        return (period * digits)[:digits]
    number: Digits = []
    while len(number) < digits:
        number += [random.randrange(10)] * random.randint(1, digits)
    return number[:digits]


def _repeated(random: Random, digits: int) -> tuple[Digits, Digits]:
    """A number and itself, or its complement to nines: whole, or but for one digit."""
    a = _any(random, digits) if random.random() < 0.5 else _run(random, digits)
    b = list(a) if random.random() < 0.5 else [9 - digit for digit in a]
    if random.random() < 0.7:
        at = random.randrange(digits)
        b[at] = random.choice((max(b[at] - 1, 0), min(b[at] + 1, 9), random.randrange(10)))
    return a, b


KINDS = (_chain, _chain, _chain, _nines, _short, _runs, _repeated, _uniform)


def structured(domain: Domain, vocab: Sequence[str]) -> Callable[[Random], Context]:
    """Contexts of any domain: every length alike, uniform, in runs, repeating themselves, or nearly.

    What a position may not hold is drawn anew for it.
    """
    strings = contexts.reads_strings(tuple(vocab))
    boxes = [(length, box) for length in domain.lengths for box in domain.boxes(length)]
    lengths = sorted({length for length, _ in boxes})
    options = {id(box): [sorted(box.sets[at]) for at in range(length)] for length, box in boxes}

    def draw(random: Random) -> Context:
        length = random.choice(lengths)
        box = random.choice([box for its, box in boxes if its == length])
        may_be = options[id(box)]
        words = [random.choice(tokens) for tokens in may_be]
        kind = random.randrange(3)
        if kind == 1:  # runs
            at = 0
            while at < length:
                size = random.randint(1, length)
                words[at : at + size] = [words[at]] * len(words[at : at + size])
                at += size
        elif kind == 2:  # the same again and again, perhaps but for one
            period = random.randint(1, length)
            for at in range(period, length):
                words[at] = words[at - period] if words[at - period] in may_be[at] else words[at]
            if random.random() < 0.5:
                at = random.randrange(length)
                words[at] = random.choice(may_be[at])
        words = [word if word in tokens else random.choice(tokens) for word, tokens in zip(words, may_be)]
        return "".join(words) if strings else tuple(words)

    return draw
