"""A plugin of pytest: which test enters which line, and how long each takes; and no test runs for ever."""

import functools
import gc
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import pytest

MEASURED = os.environ.get("MUTANT_MEASURED")  # where it is written; else nothing is measured
MEMORY = 8 * 2**30
DURATIONS: dict[str, float] = {}
SOURCE = os.environ.get("MUTANT_SOURCE", "")  # the folder that is changed
STARTED: set[str] = set()  # tests that start another process, which may enter any line


def started(event: str, _: object) -> None:
    if event == "subprocess.Popen":
        STARTED.add(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])


HIDDEN: dict[str, dict[int, set[str]]] = {}  # file -> line -> tests: what coverage does not see, as another traces


def alongside(tracer: Callable[[FrameType, str, Any], Any]) -> Callable[[FrameType, str, Any], Any]:
    """A tracer of the code's own, as that of `proof.reading.run`, takes coverage's place: its lines are noted here."""

    def entered(frame: FrameType, event: str, what: Any) -> Any:
        local = tracer(frame, event, what)
        if f"{os.sep}selftest{os.sep}" in frame.f_code.co_filename or SOURCE not in frame.f_code.co_filename:
            return local
        frame.f_trace_lines = True
        lines = HIDDEN.setdefault(frame.f_code.co_filename, {})

        def line(frame: FrameType, event: str, what: Any) -> Any:
            nonlocal local
            lines.setdefault(frame.f_lineno, set()).add(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])
            local = local and local(frame, event, what)
            frame.f_trace_lines = True  # the tracer's own may say otherwise
            return line

        return line

    return entered


def pytest_configure() -> None:
    """What stays behind when the run is stopped, or takes all memory, ends by itself."""
    if MEASURED is not None:
        sys.addaudithook(started)
        trace = sys.settrace
        sys.settrace = lambda tracer: trace(alongside(tracer) if isinstance(tracer, FunctionType) else tracer)
    seconds = int(os.environ.get("MUTANT_SECONDS", "3600"))
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MEMORY)):
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lines are put down to the test that enters them; what another test left in a cache is entered again."""
    if MEASURED is None:
        return
    from coverage import Coverage

    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper):
            one.cache_clear()
    current = Coverage.current()
    assert current is not None
    current.switch_context(item.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.skipped:
        DURATIONS[report.nodeid] = DURATIONS.get(report.nodeid, 0) + report.duration


def pytest_sessionfinish() -> None:
    if MEASURED is not None:
        hidden = {file: {line: sorted(tests) for line, tests in lines.items()} for file, lines in HIDDEN.items()}
        started = sorted(STARTED & DURATIONS.keys())
        Path(MEASURED).write_text(json.dumps({"durations": DURATIONS, "started": started, "hidden": hidden}))
