"""The changes of a folder, one after the other, in a copy of the checkout; stopped and taken up at any time."""

import ast
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import WorkerOutcome, WorkResult
from coverage import CoverageData

from properties.selftest.mutants.operators import untouched, wanted

CHECKOUT = Path(__file__).parents[3]
CACHE = CHECKOUT / ".mutants"
TESTS = "properties/selftest"
SHARP = "proof/test_exact_*.py"  # these hold what is said of the arithmetic, which others only import
FOLDERS = {  # and the tests that a change is told by, those of its own folder first
    folder: (*tests, "test_frozen.py")
    for folder, tests in {
        "zoo/transformer": ("transformer", "cost", "enumeration", SHARP),
        "zoo/enumeration": ("enumeration",),
        "properties/proof": ("proof",),
        "properties/recheck": ("recheck",),
        "properties/counting": ("counting",),
        "properties/checks": ("checks",),
    }.items()
    if (CHECKOUT / folder).is_dir()
}
IGNORED = ["checks/test_suite_faults.py", "recheck/test_contract.py"]  # these look at the source, or change it
PYTEST = ["-m", "pytest", "-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", f"{__package__}.plugin"]
BUDGET = float(os.environ.get("SECONDS") or 30)  # of tests for a change; more for the survivors
SAMPLE = int(os.environ.get("SAMPLE") or 0) or None  # of the changes of a folder, how many are tried; None: all
DRAW = os.environ.get("DRAW", "")  # any word: another sample
PATIENCE = 20, 10  # seconds, and times the time that the tests take


def tracked() -> list[str]:
    """The files of the checkout, as they are now."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (CHECKOUT / name).is_file()]


@dataclass(frozen=True)
class Folder:
    """One of the folders that are changed, with a copy of the checkout of its own: two may run at a time."""

    name: str

    @property
    def cache(self) -> Path:
        return CACHE / self.name.replace("/", "-")

    @property
    def copy(self) -> Path:
        return self.cache / "checkout"

    @cached_property
    def modules(self) -> list[str]:
        return sorted(str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / self.name).rglob("*.py"))

    def session(self, module: str) -> Path:
        """Where the results of a module are, as it is now and with the operators that there are."""
        operators = Path(__file__).with_name("operators.py")
        digest = hashlib.sha256((CHECKOUT / module).read_bytes() + operators.read_bytes()).hexdigest()[:12]
        return self.cache / f"{Path(module).stem}-{digest}.sqlite"

    def environment(self, **more: str) -> dict[str, str]:
        fixed = {
            "HYPOTHESIS_PROFILE": "mutants",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "MUTANT_SECONDS": "3600",
        }
        return fixed | {"PYTHONPATH": str(self.copy)} | more

    def prepare(self) -> None:
        """A fresh copy; where anything changed, which tests enter which lines; survivors are tried again, with more
        seconds too."""
        files = tracked()
        shutil.rmtree(self.copy, ignore_errors=True)
        for name in files:
            (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, self.copy / name)
        contents = b"".join(name.encode() + (CHECKOUT / name).read_bytes() for name in files if name.endswith(".py"))
        key, digest = self.cache / "key", hashlib.sha256(contents).hexdigest()
        last = key.read_text().split() if key.exists() else ["", "0"]
        if last[0] == digest and float(last[1]) >= BUDGET:
            return
        if last[0] != digest:
            self.measure()
        for module in self.modules:
            if self.session(module).exists():
                with sqlite3.connect(self.session(module)) as database:
                    database.execute("DELETE FROM work_results WHERE test_outcome = 'SURVIVED'")
        key.write_text(f"{digest} {BUDGET}")

    def measure(self) -> None:
        print(f"{self.name}: which of its tests enter which lines", flush=True)
        ignored = [f"--ignore={TESTS}/{name}" for name in IGNORED]
        root = self.copy / TESTS
        tests = [str(path.relative_to(self.copy)) for glob in FOLDERS[self.name] for path in sorted(root.glob(glob))]
        data = f"--data-file={self.cache / 'coverage'}"
        subprocess.run(
            [sys.executable, "-m", "coverage", "run", data, f"--source={self.name}", *PYTEST, *tests, *ignored],
            cwd=self.copy,
            env=os.environ
            | self.environment(MUTANT_MEASURED=str(self.cache / "measured.json"), MUTANT_SOURCE=self.name),
            check=True,
        )
        self.tests.write_text("\n".join(self.durations))  # each is found by its name, or every change would be caught
        found = [sys.executable, *PYTEST, "--collect-only", "-qq", f"@{self.tests}"]
        subprocess.run(found, cwd=self.copy, env=os.environ | self.environment(), check=True, stdout=subprocess.DEVNULL)

    @property
    def tests(self) -> Path:
        """The tests of a run, one a line."""
        return self.cache / "tests.txt"

    @cached_property
    def durations(self) -> dict[str, float]:
        durations: dict[str, float] = self.measured["durations"]
        return durations

    @cached_property
    def measured(self) -> dict[str, Any]:
        measured: dict[str, Any] = json.loads((self.cache / "measured.json").read_text())
        return measured

    def lines(self, module: str) -> dict[int, set[str]]:
        """The tests that enter each line of a module; "" is what imports it."""
        data = CoverageData(str(self.cache / "coverage"))
        data.read()
        path = str(self.copy / module)
        found = {line: set(contexts) for line, contexts in data.contexts_by_lineno(path).items()}
        for line, tests in self.measured["hidden"].get(path, {}).items():
            found.setdefault(int(line), set()).update(tests)
        return found

    def open(self, module: str) -> Any:
        """The changes of a module and their results; those that are not made here count as skipped."""
        path = self.session(module)
        if not path.exists():
            for old in self.cache.glob(f"{Path(module).stem}-*.sqlite"):
                old.unlink()
            part = path.with_suffix(".part")
            part.unlink(missing_ok=True)
            database = WorkDB(str(part), WorkDB.Mode.create)
            init([Path(module)], database, {})
            spans = untouched(Path(module).read_text())
            others = [item.job_id for item in database.work_items if not wanted(item.mutations[0], spans)]
            database.set_multiple_results(others, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
            database.close()
            part.rename(path)
        return WorkDB(str(path), WorkDB.Mode.open)

    def run(self, modules: list[str]) -> None:
        self.cache.mkdir(parents=True, exist_ok=True)
        self.prepare()
        os.chdir(self.copy)
        os.environ.update(self.environment())
        databases = {module: self.open(module) for module in modules}
        lines = {module: self.lines(module) for module in modules}
        statements = {module: Statements(Path(module).read_text()) for module in modules}
        chosen = self.chosen(databases)
        for number, (module, item) in enumerate(chosen, 1):
            print(f"\r{self.name}: {number} of {len(chosen)} left to try", end="", flush=True)
            tests = statements[module].tests(item.mutations[0].start_pos[0], lines[module])
            databases[module].set_result(item.job_id, self.tried(item, tests))
        print("\r" + " " * 79, end="\r")
        for database in databases.values():
            database.close()

    @staticmethod
    def chosen(databases: dict[str, Any]) -> list[tuple[str, Any]]:
        """What is to be tried, with its module, in an order by digests: wherever it stops, it tried a random sample."""
        found = []
        for module, database in databases.items():
            skipped = {job for job, one in database.results if one.worker_outcome == WorkerOutcome.SKIPPED}
            pending = {item.job_id for item in database.pending_work_items}
            for item in database.work_items:
                if item.job_id not in skipped:
                    one = item.mutations[0]
                    place = f"{DRAW}{module} {one.operator_name} {one.occurrence} {one.start_pos}"
                    found.append((hashlib.sha256(place.encode()).digest(), module, item, item.job_id in pending))
        found.sort(key=lambda one: one[0])
        return [(module, item) for _, module, item, left in found[:SAMPLE] if left]

    def order(self, test: str, module: Path) -> tuple[bool, bool, float]:
        """First those whose file names the module, then those of its own folder, and of those the shortest first."""
        path, name = test.split("::")[0], module.parent.name if module.stem == "__init__" else module.stem
        named = re.search(rf"\b{name}\b", (CHECKOUT / path).read_text())
        return named is None, not path.startswith(f"{TESTS}/{FOLDERS[self.name][0]}/"), self.durations[test]

    def tried(self, item: Any, tests: set[str]) -> Any:
        """What the tests say to a change; where there are none, it survived."""
        tests = set(self.durations) if "" in tests else tests.union(self.measured["started"])
        ordered = sorted(tests, key=lambda test: self.order(test, item.mutations[0].module_path))
        spent = list(accumulate(self.durations[test] for test in ordered))
        ordered = ordered[: max(1, bisect(spent, BUDGET))]
        seconds = int(PATIENCE[0] + PATIENCE[1] * sum(self.durations[test] for test in ordered))
        os.environ["MUTANT_SECONDS"] = str(seconds + 1)
        self.tests.write_text("\n".join(ordered))
        command = f"'{sys.executable}' {' '.join(PYTEST)} '@{self.tests}'" if tests else "true"
        result = mutate_and_test(item.mutations, command, seconds)
        if result.worker_outcome != WorkerOutcome.NORMAL:
            raise SystemExit(f"cosmic-ray could not make the change {item.mutations[0]}: {result.output}")
        return result


class Statements:
    """Which tests a change of a line is told by."""

    def __init__(self, text: str) -> None:
        self.found: dict[int, tuple[int, int]] = {}
        self.decorated: set[int] = set()  # lines of functions that may keep what they return
        for node in ast.walk(ast.parse(text)):  # the outer ones first
            if isinstance(node, ast.stmt):
                body = getattr(node, "body", None)
                last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
                self.found |= dict.fromkeys(range(node.lineno, last + 1), (node.lineno, last))
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                self.decorated |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))

    def tests(self, line: int, entered: dict[int, set[str]]) -> set[str]:
        """Those that enter its statement; with a decorator, the module; all ("") where it is run by an import."""
        first, last = self.found.get(line, (line, line))
        tests = set[str]().union(*(entered.get(one, set()) for one in range(first, last + 1)))
        if tests and "" not in tests and line in self.decorated:
            return set[str]().union(*entered.values()) - {""}
        return tests
