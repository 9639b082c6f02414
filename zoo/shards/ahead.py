"""Shards, settled ahead of the program that asks for them.

A program asks for one shard after the other, in an order of its own, and says which it is likely to ask for next. Those
are settled meanwhile, by whatever executor there is. What it gets, and in which order, is the same with and without: so
are verdicts, counts and certificates, and what was kept of an earlier run.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar

from zoo.errors import UnavailableError
from zoo.shards.digest import digest
from zoo.shards.executors import DEATHS, workers
from zoo.shards.keep import Keep
from zoo.shards.travel import Answer, Make, Parcel, Settled, Work, both_have, dumps, loads, settled_elsewhere

T = TypeVar("T")
W = TypeVar("W")
AGAIN = 5.0  # seconds: a cluster may grow
# Shards that are quick are sent together, so many that it takes about so many seconds, and at most so many.
SECONDS, MOST = 0.1, 64


class _Sent:
    """Shards that were sent together."""

    def __init__(self, shards: list[Any], send: Callable[[list[Any], bool], "Future[Answer]"], packed: bool) -> None:
        self.shards, self.send = shards, send
        self.future = send(shards, packed)
        self.results: list[Any] | None = None

    def answer(self) -> Settled:
        """Sent once more, with the subject, where a worker had it not at hand."""
        found = self.future.result()
        if found is None:
            self.future = self.send(self.shards, True)
            found = self.future.result()
        assert found is not None
        return found

    def result(self, number: int, shared: Sequence[object]) -> Any:
        found = self.answer()
        if number in found.errors:
            raise found.errors[number]
        if self.results is None:
            self.results = loads(found.results, both_have(shared, self.shards))
        return self.results[number]


class Shards:
    """Settles shards of a subject: `make(*subject)` is a pure function of a shard, here and elsewhere.

    Without an executor each is settled when it is asked for, in this process, and nothing need be sent. RuleError for a
    rule that cannot be sent where there is one, or where what is settled is kept: before anything is sent.
    """

    def __init__(self, make: Make, *subject: Any, executor: Executor | None = None, keep: Keep | None = None) -> None:
        self.make, self.subject, self.executor = make, subject, executor
        self.parcel = None if executor is None and keep is None else Parcel.of(make, subject)
        self.kept = None if keep is None or self.parcel is None else keep.of(make.__name__, digest(subject, kept=True))
        self.sent: dict[int, tuple[int, _Sent]] = {}  # by the identity of a shard, which of those sent together it is
        self.looked, self.workers, self.together, self.answers = -math.inf, 0, 1, 0

    @cached_property
    def work(self) -> Work:
        """In this process, where it is made once it is needed."""
        return self.make(*self.subject)

    def made(self, kind: type[W]) -> W:
        """The work in this process, which is of that kind."""
        assert isinstance(self.work, kind)
        return self.work

    @property
    def width(self) -> int:
        """How many shards are worth to be known ahead; 0 where there is nothing to settle them meanwhile."""
        if self.executor is None:
            return 0
        if time.monotonic() - self.looked > AGAIN:
            self.looked, self.workers = time.monotonic(), workers(self.executor)
        return 2 * self.workers * self.together

    def clock(self) -> float:
        """In seconds: of the processor, but where others work, which it does not count."""
        return time.process_time() if self.executor is None else time.monotonic()

    def __call__(self, shard: Any, following: Iterable[Any] = ()) -> Any:
        """What is settled of a shard; what follows is begun."""
        known = "" if self.kept is None else digest(shard, self._shared)
        if self.kept is not None and (found := self.kept.result(known)) is not None:
            return loads(found, both_have(self._shared, [shard]), safely=True)
        result = self.work(shard) if self.executor is None else self._result(shard, following)
        if self.kept is not None:
            self.kept.add(known, dumps(result, both_have(self._shared, [shard])))
        return result

    def each(self, shards: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Of shards that do not depend on each other, one after the other."""
        ahead, source = list[T](), iter(shards)
        while True:
            ahead += itertools.islice(source, max(1, self.width + 1 - len(ahead)))
            if not ahead:
                return
            yield ahead[0], self(ahead[0], ahead[1:])
            del ahead[0]

    @property
    def _shared(self) -> Any:
        return getattr(self.work, "shared", ()) if getattr(self.make, "shares", False) else ()

    def _result(self, shard: Any, following: Iterable[Any]) -> Any:
        """A pool whose process was killed is made anew: what was lost is settled once more."""
        for _ in range(DEATHS):
            try:
                self._send(shard, following)
                number, sent = self.sent[id(shard)]
                self._learn(sent.answer().seconds, len(sent.shards))
                del self.sent[id(shard)]
                return sent.result(number, self._shared)
            except BrokenExecutor:
                self.sent.clear()
                renew = getattr(self.executor, "renew", None)
                if renew is None:
                    raise
                renew()
        raise UnavailableError(f"{DEATHS} processes died of one shard, but should have the memory for it")

    def _learn(self, seconds: float, number: int) -> None:
        """How many shards are worth to be sent together, if so many took so long: twice as many as these, at most."""
        self.answers += 1
        self.together = max(1, min(2 * number, MOST, int(SECONDS * number / max(seconds, 1e-9))))

    def _send(self, shard: Any, following: Iterable[Any]) -> None:
        """Once half of what may be under way is not any more, for several to be sent together."""
        running = sum(not sent.future.done() for _, sent in self.sent.values())
        if id(shard) in self.sent and running > self.width // 2:
            return
        ahead = [shard, *itertools.islice(following, self.width)]
        wanted = {id(one) for one in ahead}
        for sent in {id(sent): sent for _, sent in self.sent.values()}.values():
            if wanted.isdisjoint(map(id, sent.shards)) and sent.future.cancel():
                for one in sent.shards:
                    self.sent.pop(id(one), None)
        new = [one for one in ahead if id(one) not in self.sent]
        for i in range(0, len(new), self.together):
            some = new[i : i + self.together]
            sent = _Sent(some, self._submitted, self.answers < 2 * self.workers)
            self.sent.update({id(one): (number, sent) for number, one in enumerate(some)})

    def _submitted(self, shards: list[Any], packed: bool) -> "Future[Answer]":
        """The subject itself goes along where not every worker may have it."""
        assert self.executor is not None
        assert self.parcel is not None
        content = dumps(shards, self._shared)
        return self.executor.submit(settled_elsewhere, self.parcel.digest, self.parcel if packed else None, content)

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for _, sent in self.sent.values():
            sent.future.cancel()
        self.sent.clear()
        if self.kept is not None:
            self.kept.keep.save()
