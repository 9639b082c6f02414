"""A plugin of pytest: a test that is skipped, or expected to fail, fails where its reason is not stated here.

What is skipped is not tested, and is printed with its reason. Accepted is that a package of an extra is not installed,
if that is so and `dev` does not install it; that a benchmark is not timed; and that a platform, or a program of it, is
another one.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
MODULES = {"python-flint": "flint"}  # where a module is not named like its package
INSTALLED = re.compile(r"([\w-]+(?: or [\w-]+)*) is not installed\b")
OTHERS = re.compile(
    r"takes seconds, and is only timed"
    r"|Skipping (non-)?benchmark "  # by --benchmark-skip and --benchmark-only
    r"|the machine is .*, but should be x86_64"
    r"|executable memory is refused"
    r"|no C compiler is found"
    r"|chromium is not installed"
    r"|objdump is not installed|objdump reads no x86-64"
    r"|the size of a process is read from /proc"
)


def need(module: str) -> Any:
    """A module of those that others run models with, or the test is skipped."""
    return pytest.importorskip(module, reason=f"{module} is not installed: pip install handmade-zoo[peers]")


def package(requirement: str) -> str:
    """The name in a requirement, as a module is spelled."""
    return re.split(r"[^\w-]", requirement)[0].replace("-", "_")


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
DEV = {package(one) for one in PROJECT["dependency-groups"]["dev"]}
EXTRAS = {package(one) for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra} - DEV


def accepted(reason: str) -> bool:
    """Whether a test may be skipped for it."""
    if OTHERS.match(reason):
        return True
    found = INSTALLED.match(reason)
    names = [name.replace("-", "_") for name in found[1].split(" or ")] if found else []
    return bool(names) and EXTRAS.issuperset(names) and any(_absent(name) for name in names)


def _absent(name: str) -> bool:
    return find_spec(MODULES.get(name.replace("_", "-"), name)) is None


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why a test was skipped or is expected to fail; None where it was run and counts."""
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail).removeprefix("reason: ")
    if not report.skipped:
        return None
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")


def _judged(report: Report) -> Report:
    reason = reason_of(report)
    if reason is None or accepted(reason):
        return report
    word = "expected to fail" if hasattr(report, "wasxfail") else "skipped"
    report.outcome = "failed"
    report.longrepr = f"it is {word} for a reason that is not stated in {Path(__file__).name}: {reason!r}"
    vars(report).pop("wasxfail", None)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _judged((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _judged((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Each reason, and how many tests or modules were skipped for it."""
    reports = [one for outcome in ("skipped", "xfailed") for one in terminalreporter.stats.get(outcome, [])]
    reasons = Counter(reason_of(report) for report in reports)
    if reasons:
        terminalreporter.section("skipped")
    for reason, number in reasons.most_common():
        terminalreporter.write_line(f"{number:6,}  {reason}")
