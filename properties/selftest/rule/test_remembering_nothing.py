"""Rules that remember nothing are not refused, whatever they hold, use and write to the log."""

import copy
import logging
import re
import sys
from collections import defaultdict
from functools import cache, lru_cache, partial
from typing import Any

import pytest

import properties.selftest.idioms
import reference
import zoo
from properties.checks.table import check_model
from properties.proof.reading.decision_tree import leaves
from properties.selftest.rule.remembering_functions import Rule, held
from properties.selftest.rule.remembering_objects import Filled, Letter, Tables
from properties.selftest.rule.remembers import always_a, model_of
from zoo.errors import RuleError

ENVIRON = {"NAMED": {"deep": [()]}}


@cache
def helper(token: str) -> str:
    return token.lower()


@lru_cache(maxsize=1)
def small(token: str) -> str:
    return token


def logs(c: Any) -> set[str]:
    LOG.debug("asked about %s", c)
    return {"a"}


def prints(c: Any) -> set[str]:
    print(c, file=sys.stderr)
    return {"a"}


def uses_what_it_makes(c: Any) -> set[str]:
    seen: list[str] = []
    counts: defaultdict[str, int] = defaultdict(int)
    for token in c:
        seen.append(token)
        counts[token] += 1
    return {"a"} if len(seen) == sum(counts.values()) else {"b"}


LOG = logging.getLogger(__name__)
TOWER = zoo.load("aab")
KEEPS: dict[str, Rule] = {
    "a cached helper": lambda c: {"a"} if helper(str(c[0])) in "ab" else {"b"},
    "a small cache": lambda c: {"a"} if small(str(c[0])) != small(str(c[-1])) + "x" else {"b"},
    "a cached rule": cache(always_a),
    "tables": Tables(),
    "a cached property": Filled(),
    "logging": logs,
    "printing": prints,
    "what it makes itself": uses_what_it_makes,
    "an enumeration": lambda c: {"a"} if c[0] != Letter.A or Letter("a") else {"b"},
    "another model": lambda c: {"a"} if TOWER.predict(c[:5]) in "ab" else {"b"},
    "a table of another module": lambda c: {"a"} if properties.selftest.idioms.TABLE else {"b"},
    "one of the zoo": lambda c: {"a"} if reference.aab_assembly(c) else {"b"},
    "an environment": lambda c: {"a"} if ENVIRON["NAMED"]["deep"] else {"b"},
    "what is equal again": held([0], lambda kept, c: kept.__setitem__(0, 0)),
    "a compiled pattern": partial(lambda pattern, c: {"a"} if pattern is not None else {"b"}, re.compile("a")),
    "a deep copy": lambda c: {"a"} if copy.deepcopy([c]) else {"b"},
}


@pytest.mark.parametrize("method", ["enumerate", "prove"])
@pytest.mark.parametrize("name", KEEPS)
def test_what_does_not_remember_is_not_refused(name: str, method: str) -> None:
    [verdict] = check_model(model_of(KEEPS[name]), method, ["rule"])
    assert verdict.status == "holds"


def test_the_limit_is_said() -> None:
    table = dict.fromkeys(range(10**6), "a")
    with pytest.raises(RuleError, match=r"reaches more than 1,000,000 values, but should"):
        list(leaves(held(table, lambda kept, c: kept[0]), "ab", 2))
