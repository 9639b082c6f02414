"""The command `zoo`, with `verify`, `compare`, `mutate`, `predict`, `show`, `inspect`, `export`, `cost` and others."""

import argparse
import ctypes
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata

from properties.command import bear, count, look, measure, new, report, verify, write
from zoo.errors import ZooError, printable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: all holds, or deviates as stated; 1: something failed or is undecided; 2: usage or bad input.

    130: interrupted, as by Ctrl-C.
    """
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")  # closed by `>&-`
    try:
        with interrupts_kept():
            commands = parser()
            if not (sys.argv[1:] if arguments is None else arguments):
                commands.print_help(sys.stderr)
                raise SystemExit(2)
            options, behind = commands.parse_known_args(arguments)
            if behind and not _taken(options, behind):
                commands.error(f"unrecognized arguments: {' '.join(behind)}")
            keep_freed_memory()
            status = int(options.run(options))
            sys.stdout.flush()
            return status
    except ZooError as error:
        print(f"zoo: {printable(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` say, has what it wanted
        _dropped()
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):  # as of a full disk
            raise
        _dropped()
        print(f"zoo: what is printed cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass  # what was interrupted is cleaned up once nothing here holds it any more: then it is said
    exec("")  # one that was interrupted, as importing a dataclass may be, would make `python -m` end by the signal
    print("zoo: interrupted", file=sys.stderr)
    return 130


def _dropped() -> None:
    """What is left to print: nor can it be flushed at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def keep_freed_memory() -> None:
    """For the next array of some megabytes: glibc gives it back, and a quarter of a long proof is page faults then."""
    with suppress(AttributeError, OSError, TypeError):  # where there is another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 2**25)  # which is the most
        mallopt(M_TRIM_THRESHOLD, 2**30)


def _taken(options: argparse.Namespace, behind: list[str]) -> bool:
    """Names and contexts that stand behind an option, which argparse hands back: `zoo verify aab -q ab`."""
    if any(word.startswith("-") for word in behind):
        return False
    if getattr(options, "context", "") is None and len(behind) == 1:
        [options.context] = behind
        return True
    if isinstance(getattr(options, "names", None), list) and options.run is not verify.compare:  # which has two
        options.names += behind
        return True
    return False


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Python drops what is raised while it closes a generator or frees an object: an interrupt is raised once more."""
    before = sys.unraisablehook

    def again(dropped: "sys.UnraisableHookArgs") -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            # At once, it would be dropped with this call.
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            before(dropped)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def parser() -> argparse.ArgumentParser:
    """Every subcommand, in the order in which the help lists them."""
    text, example = "Hand-built transformers, checked in every context.", "zoo verify aab two_head"
    more = f"zoo COMMAND --help says what each takes. example: {example}"
    result = argparse.ArgumentParser(prog="zoo", description=text, epilog=more)
    result.add_argument("--version", action="version", version=f"handmade-zoo {_version()}")
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    first = (look.add_list, verify.add, count.add, look.add, write.add, new.add)
    for add in (*first, report.add, look.add_inspect, bear.add, measure.add):
        add(commands)
    return result


def _version() -> str:
    try:
        return metadata.version("handmade-zoo")
    except metadata.PackageNotFoundError:
        return "as it stands, not installed"
