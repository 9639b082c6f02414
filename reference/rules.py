"""The rules of the zoo. They read a context by index, or count in it, so that a proof can see what they read."""

from collections.abc import Sequence

Context = Sequence[str]


def ab(context: Context) -> set[str]:
    """Alternation: b after a, a after b."""
    return {"b"} if context[-1] == "a" else {"a"}


def aab(context: Context) -> set[str]:
    """What continues aabaabaab…: the last two tokens decide; after bb nothing is specified.

    A lone a may be the first a or the second, so both may follow; a lone b can only be followed by a.
    """
    if context[-1] == "a":
        if len(context) == 1:
            return {"a", "b"}
        return {"b"} if context[-2] == "a" else {"a"}
    if len(context) > 1 and context[-2] == "b":
        return set()
    return {"a"}


def third_previous(context: Context) -> set[str]:
    """b where the current token and the third before it are a, otherwise a."""
    return {"b"} if context[-1] == "a" and len(context) > 3 and context[-4] == "a" else {"a"}


def third_previous_as_built(context: Context) -> set[str]:
    """The same, but up to three tokens, with no third previous to look at: b where all of them are a."""
    if len(context) > 3:
        return third_previous(context)
    return {"b"} if all(token == "a" for token in context) else {"a"}


def two_head_as_built(context: Context) -> set[str]:
    """Up to three tokens what `aab` says, and a after bb; from four tokens on what `third_previous` says."""
    return third_previous(context) if len(context) > 3 else _aab_everywhere(context)


def aab_or_third_previous(context: Context) -> set[str]:
    """b where `aab` (a lone a counted as a second one, a after bb) or `third_previous` says b, otherwise a."""
    return {"b"} if "b" in _aab_everywhere(context) or "b" in third_previous(context) else {"a"}


def induction(context: Context) -> set[str]:
    """The token that followed the latest earlier occurrence of the current one; where there is none, unspecified."""
    for i in range(len(context) - 2, -1, -1):
        if context[i] == context[-1]:
            return {context[i + 1]}
    return set()


def induction_or_repeat(context: Context) -> str:
    """The same as a predictor: where there is no earlier occurrence, the current token again."""
    return next(iter(induction(context)), context[-1])


def _aab_everywhere(context: Context) -> set[str]:
    """`aab` with one answer to every context, the assembly program's."""
    return {"b"} if context[-1] == "a" and (len(context) == 1 or context[-2] == "a") else {"a"}


def majority(context: Context) -> set[str]:
    """a where there are more a than b, otherwise b."""
    return {"a"} if context.count("a") > context.count("b") else {"b"}


def parity(context: Context) -> set[str]:
    """a where the number of a is even, b where it is odd."""
    return {"ab"[context.count("a") % 2]}


def shallow_brackets(context: Context) -> set[str]:
    """What may come next in brackets nested two deep at most; of what is no beginning of such, nothing is said."""
    depth = 0
    for token in context:
        depth += 1 if token == "(" else -1
        if not 0 <= depth <= 2:
            return set()
    return {"(", ")"} if depth == 1 else {"("} if depth == 0 else {")"}


def digit_of_the_sum(context: Context) -> set[str]:
    """In "7+8=" the tens of the sum, in "7+8=1" its ones; after another digit than the tens, nothing is said."""
    tens, ones = divmod(int(context[0]) + int(context[2]), 10)
    if len(context) == 4:
        return {str(tens)}
    return {str(ones)} if context[4] == str(tens) else set()


def sum_of_two(context: Context) -> int:
    """The sum of the two numbers in "0000000012+0000000034=", a number itself: 46."""
    first, _, second = "".join(context).rstrip("=").partition("+")
    return int(first) + int(second)


def reverse(context: Context, at: int) -> set[str]:
    """What stands at each position of the context written backwards."""
    return {context[len(context) - 1 - at]}


def share(context: Context, at: int) -> float:
    """Which share of the tokens up to each position are a."""
    return sum(context[i] == "a" for i in range(at + 1)) / (at + 1)
