"""On how many processes or machines the work of a subcommand runs, and where what is settled of it is kept."""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from zoo.errors import ModelError

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.shards import Keep

MOST_JOBS = 4096  # processes of one machine


class Spread(NamedTuple):
    """What is handed on to what takes long."""

    executor: Executor | None = None
    keep: "Keep | None" = None


def add_spread(to: argparse.ArgumentParser) -> None:
    where = to.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, metavar="N", help="so many processes of this machine settle shards of it")
    text = "a dask cluster does, whose scheduler has this address: see docs/cluster.md"
    where.add_argument("--scheduler", metavar="ADDRESS", help=text)
    text = "write down there what is settled, and go on with what an earlier run wrote there"
    to.add_argument("--keep", metavar="FILE", help=text)


@contextmanager
def spread(options: argparse.Namespace, models: "Sequence[Model]") -> Iterator[Spread]:
    """As --jobs, --scheduler and --keep say. ModelError for a file that is of something else."""
    if options.jobs is not None and not 1 <= options.jobs <= MOST_JOBS:
        raise ModelError(f"--jobs is {options.jobs}, but should be a whole number from 1 to {MOST_JOBS}")
    if (options.jobs, options.scheduler, options.keep) == (None, None, None):
        yield Spread()
        return
    from zoo import shards  # what few ask for is imported where it is used: the start-up stays quick

    with ExitStack() as stack:
        keep = None if options.keep is None else stack.enter_context(shards.Keep(options.keep, *models))
        executor: Executor | None = None
        if options.scheduler is not None:
            executor = stack.enter_context(shards.cluster(options.scheduler))
        elif options.jobs is not None:
            executor = stack.enter_context(shards.processes(options.jobs))
        yield Spread(executor, keep)
