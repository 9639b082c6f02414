"""What came of the changes, also while some are left: a table, the survivors, and the entries that do not apply."""

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import TestOutcome, WorkerOutcome

from properties.selftest.mutants.harmless import Change, Harmless, fault, listed
from properties.selftest.mutants.run import CHECKOUT, FOLDERS, Folder

COLUMNS = ("caught", "timeout", "harmless", "survived", "left")


def outcome(result: Any) -> str:
    if result.test_outcome == TestOutcome.SURVIVED:
        return "survived"
    return "timeout" if result.output == "timeout" else "caught"


def results(folder: Folder) -> tuple[list[tuple[Change, str, str]], int]:
    """Of each change that was tried its place, its outcome and its diff; and how many are left."""
    tried, left = [], 0
    for module in folder.modules:
        if not folder.session(module).exists():
            continue
        database = WorkDB(str(folder.session(module)), WorkDB.Mode.open)
        for item, result in database.completed_work_items:
            if result.worker_outcome != WorkerOutcome.SKIPPED:
                change = Change.of(module, item.mutations[0].definition_name or "", diff := trimmed(result.diff))
                tried.append((change, outcome(result), diff))
        left += database.num_work_items - database.num_results
        database.close()
    return tried, left


def trimmed(diff: str) -> str:
    """Without cosmic-ray's heading."""
    return diff.removeprefix("--- mutation diff ---\n")


def entry(change: Change, diff: str) -> str:
    """A survivor as it would stand in the list, with the line at which it is."""
    line = int(diff.split("\n")[2].split()[1].split(",")[0][1:]) + 3  # of three that only lead there
    fields = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in asdict(change).items()]
    return "\n".join([f"# {change.module}:{line}", "[[harmless]]", *fields, ""])


def report(shown: list[str]) -> int:
    """Prints it; the status is 1 where an entry of the list of harmless changes does not apply."""
    harmless = {one.change: one for one in listed()}
    faults = [found for one in harmless.values() if (found := fault(one, CHECKOUT))]
    rows, outcomes = [], dict[Change, set[str]]()
    for name in FOLDERS:
        tried, left = results(Folder(name))
        counts = Counter({"left": left})
        for change, found, diff in tried:
            outcomes.setdefault(change, set()).add(found)
            known = found == "survived" and change in harmless
            counts["harmless" if known else found] += 1
            if found == "survived" and not known and any(change.module.startswith(one) for one in shown):
                print(entry(change, diff))
        if tried or left:
            rows.append((name, counts))
    faults += [told(one) for one in harmless.values() if "survived" not in outcomes.get(one.change, {"survived"})]
    print(f"{'':22}{''.join(f'{column:>10}' for column in COLUMNS)}{'caught %':>10}")
    for name, counts in rows:
        missed = counts["caught"] + counts["timeout"]
        share = f"{missed / (missed + counts['survived']):10.1%}" if missed + counts["survived"] else f"{'':>10}"
        print(f"{name:22}{''.join(f'{counts[column]:10,}' for column in COLUMNS)}{share}")
    for one in faults:
        print(f"harmless.toml: {one}")
    return bool(faults)


def told(known: Harmless) -> str:
    return f"{known.change.module}: {known.change.after!r} is caught by now, and should be deleted here"
