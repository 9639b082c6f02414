"""Rules of what stands where in a sequence, and of what follows from it."""

from collections.abc import Callable, Mapping, Sequence

Context = Sequence[str]


def aabaab_c(context: Context) -> set[str]:
    """After aabaab comes c, after c a new a; else the last two tokens decide as in `aab`; after bb nothing does."""
    if context[-1] == "a":
        if len(context) == 1:
            return {"a", "b"}
        return {"b"} if context[-2] == "a" else {"a"}
    if context[-1] == "c":
        return {"a"}
    if context[-6:] == "aabaab":
        return {"c"}
    return set() if len(context) > 1 and context[-2] == "b" else {"a"}


def aabaab_c_everywhere(context: Context) -> str:
    """The same as a predictor: a lone a is the second, and after bb comes a."""
    return "b" if context[-1] == "a" and len(context) == 1 else next(iter(aabaab_c(context)), "a")


def order(last: int) -> Callable[[Context], set[str]]:
    """The last tokens, a or b each, as a word."""

    def word_of_the_last(context: Context) -> set[str]:
        return {"".join("a" if context[-back] == "a" else "b" for back in range(last, 0, -1))}

    return word_of_the_last


def count(most: int) -> Callable[[Context], set[str]]:
    """How many of the tokens are a, as "0", "1" and so on; from `most` on as "8+", say."""

    def number_of_a(context: Context) -> set[str]:
        number = context.count("a")
        for some in range(most):
            if number == some:
                return {str(some)}
        return {f"{most}+"}

    return number_of_a


def maximum(vocab: str) -> Callable[[Context], set[str]]:
    """The largest token that occurs, the last of the vocabulary being the largest."""

    def largest_token(context: Context) -> set[str]:
        for token in reversed(vocab[1:]):
            if token in context:
                return {token}
        return {vocab[0]}

    return largest_token


def copied(size: int) -> Callable[[Context], set[str]]:
    """In "abba|ab", the token that comes next in writing down the first `size` tokens again."""

    def next_of_the_copy(context: Context) -> set[str]:
        return {context[len(context) - size - 1]}

    return next_of_the_copy


def mirrored(size: int) -> Callable[[Context], set[str]]:
    """In "abba|ab", the token that comes next in writing down the first `size` tokens backwards."""

    def next_of_the_mirror(context: Context) -> set[str]:
        return {context[2 * size - len(context)]}

    return next_of_the_mirror


def sorted_tokens(size: int) -> Callable[[Context], set[str]]:
    """In "baca|aa", the token that comes next in writing down the first `size` tokens in order."""

    def next_in_order(context: Context) -> set[str]:
        return {sorted(context[:size])[len(context) - size - 1]}

    return next_in_order


def two_kinds_of_brackets(context: Context) -> set[str]:
    """What may come next in brackets of two kinds, two deep at most; of what is no beginning, nothing is said."""
    opened: list[str] = []
    for token in context:
        if token in ("(", "["):
            opened.append(")" if token == "(" else "]")
        elif not opened or opened.pop() != token:
            return set()
        if len(opened) > 2:
            return set()
    return ({"(", "["} if len(opened) < 2 else set()) | set(opened[-1:])


def rule_110(width: int) -> Callable[[Context], set[str]]:
    """The next cell of rows of so many cells, written one after the other: by rule 110, of the three above it.

    1, but for 0 where these are 111, 100 or 000. Beside the ends of a row lie its neighbours' other ends.
    """

    def next_cell(context: Context) -> set[str]:
        left, middle, right = (context[-width + beside] == "1" for beside in (-1, 0, 1))
        return {"1" if (middle or right) and not (left and middle and right) else "0"}

    return next_cell


def next_state(table: Mapping[tuple[str, str], str]) -> Callable[[Context], set[str]]:
    """Of states and inputs in turn, the state that follows on the last two by the table; inputs are free."""
    states = sorted({state for state, _ in table})

    def state_by_the_table(context: Context) -> set[str]:
        if len(context) % 2:
            return set()
        for state, given in table:
            if context[-2] == state and context[-1] == given:
                return {table[state, given]}
        return {states[0]}

    return state_by_the_table
