"""A watch on rules and predictors that are asked about many contexts: their answers depend on nothing else."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from zoo.errors import RuleError
from zoo.rule.asking import SHOULD, Asked, Function, Permitted, name_of
from zoo.rule.copying import copied
from zoo.rule.remembering import Memory
from zoo.rule.telling import Looked, look

AGAIN = 4096  # contexts that are asked about again
KEPT = 8  # functions of which it is kept what they reach
Said = tuple[Any, ...]  # a context, what was answered, and where that was asked about one, a position


class Known:
    """What is known of a function before it is called: what it could write to, and a copy that never was called."""

    def __init__(self, function: Function) -> None:
        self.function, self.memory = function, Memory(function)
        self.copy: Callable[[Any], Any] | None = copied(function) if self.memory.writable else None

    @cached_property
    def looked(self) -> Looked:
        """See `zoo.rule.telling`."""
        return look(self.function)

    @property
    def tells(self) -> str:
        return self.looked.tells


_known: OrderedDict[int, Known] = OrderedDict()


def known(function: Function) -> Known:
    """What is known of this very object, as long as nothing that it reaches has changed."""
    found = _known.get(id(function))
    if found is None or found.function is not function or found.memory.changed():
        found = _known[id(function)] = Known(function)
    _known.move_to_end(id(function))
    while len(_known) > KEPT:
        _known.popitem(last=False)
    return found


@contextmanager
def watching(asked: Asked) -> Iterator[Callable[..., Permitted]]:
    """Asks as `asked` does, about a context or about a position of one, too.

    At the end, RuleError where the function remembers, or answers otherwise if asked again. Of many contexts, the first
    and the last are asked about again, in the opposite order.
    """
    memory, copy = Memory(asked.function), copied(asked.function)
    first, last, calls = list[Said](), deque[Said](maxlen=AGAIN // 2), 0

    def ask(context: Any, *at: int) -> Permitted:
        nonlocal calls
        answer = (asked.at(*at) if at else asked)(context)
        calls += 1
        if not calls & (calls - 1):  # at powers of two: what it remembers may come back to what it was
            memory.check()
        (first if calls <= AGAIN // 2 else last).append((context, answer, *at))
        return answer

    yield ask
    memory.check()
    ask_again([*first, *last], asked, copy or asked.function)
    memory.check()


def ask_again(said: Iterable[Said], asked: Asked, other: Function) -> None:
    """RuleError where a copy of the function, or itself, says something else, asked in the opposite order."""
    again = asked.of(other)
    for context, answer, *at in reversed(list(said)):
        try:
            now = (again.at(*at) if at else again)(context)
        except RuleError:
            if other is asked.function:
                raise
            return  # it is no good copy
        if now != answer:
            written = ", ".join(map(repr, (context, *at)))
            raise RuleError(
                f"{name_of(asked.function)} says {tokens(answer)} to {written} and {tokens(now)} to the same context "
                f"when it is asked in another order, {SHOULD}"
            )


def tokens(said: Permitted) -> str:
    """For a sentence."""
    return "{" + ", ".join(sorted(map(str, said))) + "}"
