"""A plugin of pytest: which test enters which line, and how long each takes; and no test runs for ever."""

import functools
import gc
import json
import os
import resource
from pathlib import Path

import pytest

DURATIONS: dict[str, float] = {}


def pytest_configure() -> None:
    """What stays behind when the run is stopped, or takes all memory, ends by itself."""
    seconds = int(os.environ.get("MUTANT_SECONDS", "3600"))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lines are put down to the test that enters them; what another test left in a cache is entered again."""
    if "MUTANT_DURATIONS" not in os.environ:
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
    if "MUTANT_DURATIONS" in os.environ:
        Path(os.environ["MUTANT_DURATIONS"]).write_text(json.dumps(DURATIONS))
