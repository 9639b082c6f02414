"""What counts something, and what gives a token."""

import math
import operator
from functools import reduce
from itertools import accumulate, groupby

import reference
from properties.selftest.idioms.classes import Automaton, Letter
from properties.selftest.idioms.functions import (
    TABLE,
    Idiom,
    bits,
    closure_counter,
    counted,
    last_run,
    longest_common,
    matched_whole,
    numbers,
    ordered,
    recursive,
    tallied,
)

NUMBERS: dict[str, Idiom] = {
    "count": lambda a, b, i, j: lambda c: c.count(a),
    "sum": lambda a, b, i, j: lambda c: sum(token == a for token in c),
    "len": lambda a, b, i, j: lambda c: len(c),
    "len of a token": lambda a, b, i, j: lambda c: len(c[0]),
    "index": lambda a, b, i, j: lambda c: c.index(a) if a in c else len(c),
    "Counter": lambda a, b, i, j: lambda c: counted(c)[a],
    "defaultdict": lambda a, b, i, j: lambda c: tallied(c)[a],
    "distinct": lambda a, b, i, j: lambda c: len(set(c)),
    "distinct by a dictionary": lambda a, b, i, j: lambda c: len(dict.fromkeys(c)),
    "recursion": lambda a, b, i, j: lambda c: recursive(c, a),
    "last run": lambda a, b, i, j: last_run,
    "runs": lambda a, b, i, j: lambda c: len(list(groupby(c))),
    "longest run": lambda a, b, i, j: lambda c: max(len(list(run)) for _, run in groupby(c)),
    "reduce": lambda a, b, i, j: lambda c: reduce(lambda n, t: n + (t == b), c, 0),
    "accumulate": lambda a, b, i, j: lambda c: max(accumulate(1 if t == a else -1 for t in c)) + len(c),
    "bits": lambda a, b, i, j: lambda c: bits(c, a),
    "automaton": lambda a, b, i, j: Automaton(b),
    "closure": lambda a, b, i, j: lambda c: closure_counter(c, a),
    "common ends": lambda a, b, i, j: longest_common,
    "lookup": lambda a, b, i, j: lambda c: TABLE.get(c[-1], 0),
    "match of a whole": lambda a, b, i, j: matched_whole,
    "digits": lambda a, b, i, j: numbers,
    "powers": lambda a, b, i, j: lambda c: math.isqrt(sum(2 for t in c if t == a) ** 2),
    "most common": lambda a, b, i, j: lambda c: counted(c).most_common(1)[0][1],
    "position": lambda a, b, i, j: lambda c: next((k for k, t in enumerate(c) if t == a), 0),
    "last position": lambda a, b, i, j: lambda c: max((k for k, t in enumerate(c) if t == b), default=0),
    "remainder": lambda a, b, i, j: lambda c: sum(k for k in range(len(c)) if k % 2 == 0 and c[k] == a),
    "chain map": lambda a, b, i, j: lambda c: sum(map(operator.eq, c, c[1:])),
    "operator count": lambda a, b, i, j: lambda c: operator.countOf(c, a),
}
# What gives a token.
TOKENS: dict[str, Idiom] = {
    "first": lambda a, b, i, j: lambda c: c[0],
    "its set": lambda a, b, i, j: lambda c: {c[-1]},
    "its frozenset": lambda a, b, i, j: lambda c: frozenset(c[-1:]),
    "keys": lambda a, b, i, j: lambda c: dict.fromkeys(c).keys(),
    "by index": lambda a, b, i, j: lambda c: c[i % len(c)],
    "most frequent": lambda a, b, i, j: lambda c: max(sorted(set(c)), key=c.count),
    "least": lambda a, b, i, j: lambda c: {min(c)},
    "conditional token": lambda a, b, i, j: lambda c: a if c[0] == b else c[-1],
    "constant": lambda a, b, i, j: lambda c: {a},
    "nothing": lambda a, b, i, j: lambda c: set() if c[0] == a else {a, b},
    "difference": lambda a, b, i, j: lambda c: {a, b} - {c[-1]},
    "comprehension": lambda a, b, i, j: lambda c: {token for token in c if token != a},
    "join": lambda a, b, i, j: lambda c: "".join(c[:1]),
    "ordered": lambda a, b, i, j: ordered,
    "raises": lambda a, b, i, j: lambda c: c[i],
    "no token": lambda a, b, i, j: lambda c: "nothing" if c[-1] == a else b,
    "induction": lambda a, b, i, j: reference.induction,
    "enum token": lambda a, b, i, j: lambda c: Letter.A if c[-1] == a else b,
}
