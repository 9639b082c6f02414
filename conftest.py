"""Hypothesis profiles, and the examples of the documents as tests."""

import contextlib
import doctest
import gc
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.internal.conjecture import providers
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

# A second thread of numpy makes these small products no quicker, and takes the time of another test.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
pytest_plugins = ["properties.selftest.skipped"]

settings.register_profile("dev", deadline=None, max_examples=60)
settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True, print_blob=True)
settings.register_profile(
    "nightly",
    deadline=None,
    derandomize=False,
    max_examples=5000,
    print_blob=True,
    database=DirectoryBasedExampleDatabase(".hypothesis/nightly"),
)
settings.register_profile(  # what `make nightly` runs of the tests marked so
    "soundness",
    settings.get_profile("nightly"),
    max_examples=20_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    database=DirectoryBasedExampleDatabase(".hypothesis/soundness"),
)
settings.register_profile(  # for `make mutants`, where any example that fails will do
    "mutants", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate], database=None, print_blob=False
)
# Hypothesis also draws the constants of every module that is imported by then: examples that are to be always the same
# would be others after other tests, or where a number of the code changes.
providers._get_local_constants = lambda: providers._local_constants
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_collection_finish() -> None:
    """Thousands of tests that were collected stay: to look through them for garbage again and again takes a tenth."""
    gc.freeze()
    gc.set_threshold(100_000)


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """How often a property came out in each way: a test fills it, and `make nightly` prints it."""
    counts: Counter[str] = Counter()
    yield counts
    request.node.user_properties.append(("outcomes", dict(counts)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The outcomes of each property, where it is asked for such tests or for more words."""
    if not (config.option.verbose > 0 or "soundness" in (config.option.markexpr or "")):
        return
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    counts = {
        report.nodeid.split("::")[-1]: value
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, value in report.user_properties
        if name == "outcomes"
    }
    if counts:
        terminalreporter.section("outcomes")
    for test, found in sorted(counts.items()):
        terminalreporter.write_line(test)
        for outcome, number in sorted(found.items(), key=lambda item: -item[1]):
            terminalreporter.write_line(f"{number:12,}  {outcome}")


class FileOrPython(CodeBlockParser):
    """A block that begins with the name of a file, `# my_model.py`, is written to it; any other is run."""

    language = "python"

    def evaluate(self, example: Example) -> str | None:
        name = re.match(r"# (\w+\.py)\n", example.parsed)
        if name is None:
            with contextlib.chdir(example.namespace["folder"]):  # what it writes does not stay in the checkout
                return PythonEvaluator()(example)
        (example.namespace["folder"] / name[1]).write_text(example.parsed)
        return None


class Console(CodeBlockParser):
    """Each line after `$ ` is run, and must print what stands below it; `...` stands for any text."""

    language = "console"

    def evaluate(self, example: Example) -> str | None:
        for block in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
            command, _, expected = block.partition("\n")
            if command.startswith(("make", "pip", "git")):
                continue  # these set up what the tests already run in
            printed = _printed(shlex.split(command), example.namespace["folder"])
            found = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            if not doctest.OutputChecker().check_output(expected, found, flags):
                return f"$ {command}\nprinted\n{found}\nbut the document says\n{expected}"
        return None


def _printed(words: list[str], folder: Path) -> str:
    """What a command prints, then what it says on the error stream."""
    if words[0] == "zoo":  # to start Python and numpy anew for each would take most of the time
        from properties.command.main import main

        out, err = io.StringIO(), io.StringIO()
        redirected = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with contextlib.chdir(folder), redirected[0], redirected[1], contextlib.suppress(SystemExit):
            main(words[1:])
        return out.getvalue() + err.getvalue()
    if words[0] == "pytest":
        from properties.selftest.running import pytest_in

        return pytest_in(folder, *words[1:])[1]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def _setup(namespace: dict[str, object]) -> None:
    namespace["folder"] = Path(tempfile.mkdtemp())
    namespace["absent"] = lambda *modules: any(find_spec(module) is None for module in modules)


pytest_collect_file = Sybil(
    parsers=[SkipParser(), FileOrPython(), Console()], patterns=["README.md", "docs/*.md"], setup=_setup
).pytest()
