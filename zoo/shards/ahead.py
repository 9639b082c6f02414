"""Shards, settled ahead of the program that asks for them.

A program asks for one shard after the other, in an order of its own, and says which it is likely to ask for next. Those
are settled meanwhile, by whatever executor there is. What it gets, and in which order, is the same with and without: so
are verdicts, counts and certificates, and what was kept of an earlier run.
"""

import itertools
import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar

from zoo.errors import UnavailableError
from zoo.shards.digest import digest
from zoo.shards.executors import DEATHS, workers
from zoo.shards.keep import Keep
from zoo.shards.travel import Make, Parcel, Work, both_have, dumps, loads, settled_elsewhere

T = TypeVar("T")
W = TypeVar("W")
AGAIN = 5.0  # seconds: a cluster may grow


class Shards:
    """Settles shards of a subject: `make(*subject)` is a pure function of a shard, here and elsewhere.

    Without an executor each is settled when it is asked for, in this process, and nothing need be sent. RuleError for a
    rule that cannot be sent where there is one, or where what is settled is kept: before anything is sent.
    """

    def __init__(self, make: Make, *subject: Any, executor: Executor | None = None, keep: Keep | None = None) -> None:
        self.make, self.subject, self.executor = make, subject, executor
        self.parcel = None if executor is None and keep is None else Parcel.of(make, subject)
        self.kept = None if keep is None or self.parcel is None else keep.of(make.__name__, self.parcel.digest)
        self.futures: dict[int, tuple[Any, Future[bytes]]] = {}  # by the identity of a shard
        self.looked, self.several = -math.inf, 0

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
            self.looked, self.several = time.monotonic(), 2 * workers(self.executor)
        return self.several

    def clock(self) -> float:
        """In seconds: of the processor, but where others work, which it does not count."""
        return time.process_time() if self.executor is None else time.monotonic()

    def __call__(self, shard: Any, following: Iterable[Any] = ()) -> Any:
        """What is settled of a shard; what follows is begun."""
        known = "" if self.kept is None else digest(shard, self._shared)
        if self.kept is not None and (found := self.kept.result(known)) is not None:
            return loads(found, both_have(self._shared, shard), safely=True)
        if self.executor is None:
            result = self.work(shard)
        else:
            ahead = [shard, *itertools.islice(following, self.width)]
            wanted = {id(one) for one in ahead}
            for number in [number for number in self.futures if number not in wanted]:
                self.futures.pop(number)[1].cancel()
            result = loads(self._result(ahead), both_have(self._shared, shard))
        if self.kept is not None:
            self.kept.add(known, dumps(result, both_have(self._shared, shard)))
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

    def _result(self, ahead: list[Any]) -> bytes:
        """That of the first. A pool whose process was killed is made anew: what was lost is settled once more."""
        for _ in range(DEATHS):
            try:
                for one in ahead:
                    if id(one) not in self.futures:
                        self.futures[id(one)] = one, self._sent(one)
                found = self.futures[id(ahead[0])][1].result()
                del self.futures[id(ahead[0])]
                return found
            except BrokenExecutor:
                self.futures.clear()
                renew = getattr(self.executor, "renew", None)
                if renew is None:
                    raise
                renew()
        raise UnavailableError(f"{DEATHS} processes died of one shard, but should have the memory for it")

    def _sent(self, shard: Any) -> "Future[bytes]":
        assert self.executor is not None
        assert self.parcel is not None
        return self.executor.submit(settled_elsewhere, self.parcel, dumps(shard, self._shared))

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for _, future in self.futures.values():
            future.cancel()
        self.futures.clear()
        if self.kept is not None:
            self.kept.keep.save()
