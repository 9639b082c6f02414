"""What shards run on: processes of this machine, or a dask cluster; any other `concurrent.futures.Executor` will do."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from zoo.errors import ModelError, UnavailableError

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # of numpy in a worker: one
SECONDS = 10  # that a scheduler has to answer
DEATHS = 5  # of workers that have one shard in hand, before it is given up


@contextmanager
def processes(number: int) -> Iterator[Executor]:
    """So many processes, started anew by spawn, each with one thread. ModelError for less than one."""
    if number < 1:
        raise ModelError(f"{number} processes are asked for, but should be 1 or more")
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # a process reads it as it starts, which is when there is work
    try:
        with Processes(number) as pool:
            yield pool
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Processes(Executor):
    """A pool that is made anew when one of its processes was killed."""

    def __init__(self, number: int) -> None:
        self.workers = number
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.workers, get_context("spawn"), _deaf)

    def submit(self, *args, **named):  # type: ignore[no-untyped-def]
        return self._pool.submit(*args, **named)

    def renew(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """What is under way is not waited for: it is of no use to anybody any more."""
        running = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.terminate()


def _deaf() -> None:
    """Ctrl-C is for the one who asked."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The dask cluster whose scheduler has that address. UnavailableError where there is no dask, or no scheduler."""
    try:
        from distributed import Client
    except ImportError:
        raise UnavailableError(
            "dask is not installed, but should be for --scheduler: pip install 'handmade-zoo[dask]'"
        ) from None
    try:
        client: Any = Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"no dask scheduler answers at {address}, but one should: {type(error).__name__}"
        ) from error
    with client:
        yield client.get_executor(pure=False, retries=DEATHS)


def workers(executor: Executor) -> int:
    """How many shards it settles at a time, as far as that is known."""
    client = getattr(executor, "_client", None)  # of dask
    if client is not None:
        return max(1, int(sum(client.nthreads().values())))
    number = getattr(executor, "workers", None) or getattr(executor, "_max_workers", None)
    return number if isinstance(number, int) else os.cpu_count() or 1
