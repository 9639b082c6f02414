"""What a rule of the last tokens says, as a table: all of it that a compiler needs to know."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from zoo.contexts import reads_strings, written
from zoo.errors import ModelError, listed
from zoo.rule import Asked, Permitted
from zoo.rule.asking import Function, name_of

Entries = dict[tuple[str, ...], frozenset[str]]  # of contexts of one length: what is permitted, never nothing
Table = dict[int, Entries]  # of each length up to the window, which stands for all that are longer
MOST = 20_000  # sets of contexts of one length, each position a token or any: what the heads' tree is found among
TRIED = 20_000  # tokens of longer contexts that are asked about


def tabled(rule: Function, vocab: Sequence[str], window: int, n_ctx: int) -> Table:
    """What the rule permits after each context of 1 to `window` tokens; where it says nothing, everything.

    The fewest last tokens are found that suffice: where what a rule permits after all contexts that end alike has a
    token in common, it need not be told more. RuleError where the rule does not answer with tokens; ModelError where
    the table would be too long, where there is nothing to be compiled, or where longer contexts are seen to be answered
    otherwise than their last tokens.
    """
    if (sets := (len(vocab) + 1) ** window) > MOST:
        raise ModelError(
            f"{len(vocab)} tokens in a window of {window} make {sets} sets of contexts, but should make {MOST} at most"
        )
    asked, every, strings = Asked(rule, vocab, "rule"), frozenset(vocab), reads_strings(vocab)

    def permitted(tokens: tuple[str, ...]) -> frozenset[str]:
        found: Permitted = asked("".join(tokens) if strings else tokens)
        return found or every

    table = {n: {c: permitted(c) for c in product(vocab, repeat=n)} for n in range(1, min(window, n_ctx) + 1)}
    if all(found == every for entries in table.values() for found in entries.values()):
        raise ModelError(f"{name_of(rule)} determines nothing after any context, but should for weights to be made")
    random = np.random.default_rng(0)
    for length in (window + 1, n_ctx) if n_ctx > window else ():
        for row in random.integers(len(vocab), size=(TRIED // length, length)):
            context = tuple(vocab[i] for i in row)
            found, told = permitted(context), table[window][context[-window:]]
            if found not in (every, told):
                shown, ending = ("".join(one) if strings else one for one in (context, context[-window:]))
                raise ModelError(
                    f"{name_of(rule)} permits {listed(sorted(found))} after {written(shown)}, but should permit "
                    f"{listed(sorted(told))} as after {written(ending)}, its window of {window}"
                )
    return _narrowed(table)


def _narrowed(table: Table) -> Table:
    """The same for the smallest window that will do."""
    for window in range(1, len(table)):
        joint = dict(table[window])
        for length in range(window + 1, len(table) + 1):
            for context, permitted in table[length].items():
                joint[context[-window:]] &= permitted
        if all(joint.values()):
            return {length: table[length] for length in range(1, window)} | {window: joint}
    return table
