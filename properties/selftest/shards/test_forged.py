"""What a stranger wrote into a file of what is kept does not run, and what is damaged is settled anew."""

import pickle
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from properties.checks.verdict import Verdict
from properties.proof.counterexample import Counterexample
from properties.selftest.models import aab
from properties.selftest.shards.asked import counts
from zoo.errors import ModelError
from zoo.model import NUMBER
from zoo.shards import Keep
from zoo.shards.travel import dumps, loads

REFUSED = "but should be of what shards settle$"


def text(of: str) -> bytes:
    return b"\x8c" + bytes([len(of)]) + of.encode()


def named(module: str, name: str) -> bytes:
    return b"\x80\x04" + text(module) + text(name) + b"\x93"


VERDICT = named("properties.checks.verdict", "Verdict")
ARRAY = named("zoo.shards.data", "_array")


class Runs(NamedTuple):
    """Its constructor is data, and what it is has a method that runs."""

    of: int

    def __call__(self) -> None:
        raise AssertionError("it was run")


@pytest.mark.parametrize(
    "name",
    [
        *("zoo.c_library subprocess.Popen", "zoo.c_library subprocess", "properties.checks.verdict Verdict.as_json"),
        *("zoo.registry load_file", "zoo.model Model", "zoo.model Transformer", "zoo.black_box BlackBox"),
        *("properties.checks.running Running", "properties.command.together Verifying", "reference.fold Fold"),
        *("properties.checks.verdict dataclass", "properties.checks.verdict Counterexample", "properties.report x"),
        *("zoo.shards.travel _from_file", "zoo.shards.data constructor", "zoo.shards.data Counter"),
        *("builtins getattr", "builtins type", "builtins set", "operator attrgetter", "functools partial"),
        *("numpy load", "numpy ndarray", "numpy dtype", "numpy._core.multiarray scalar", "collections namedtuple"),
        *("nowhere Data", "properties.selftest.shards.test_forged Runs", "properties.nowhere Data"),
    ],
)
def test_only_what_results_are_made_of_is_called(name: str) -> None:
    with pytest.raises(ModelError, match=rf"^what was kept names {name.replace(' ', '.')}, {REFUSED}"):
        loads(named(*name.split()) + b")R.", safely=True)


@pytest.mark.parametrize(
    "content",
    [
        VERDICT + b"N}" + text("passed") + b"\x88s\x86b.",  # writes into the class
        VERDICT + b"}" + text("of") + text("x") + b"sb.",  # into what stands for it
        VERDICT + b")\x81.",  # constructs without the constructor
        named("zoo.shards.data", "_made") + b"(" + text("x") + b"))tR.",
        ARRAY + b"(C\x08" + bytes(8) + text("|O") + b"K\x01\x85" + text("C") + b"tR.",  # addresses for objects
        ARRAY + b"(C\x08" + bytes(8) + text("<f8") + b"K\x02\x85" + text("C") + b"tR.",  # more than there is
        b"",
        b"garbage",
        b"\x80\x04K\x05Q.",  # what only it has
    ],
)
def test_what_is_no_data_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="but should be"):
        loads(content, safely=True)
    assert isinstance(Verdict.passed, property)


def test_nothing_is_imported_for_a_file() -> None:
    with pytest.raises(ModelError, match=REFUSED):
        loads(named("properties.__main__", "main") + b")R.", safely=True)


@pytest.mark.parametrize(
    "one",
    [
        *(np.zeros((0, 3)), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(9)[::2], np.array(["a", "bc"])),
        *(np.float32(2), np.bool_(True), np.array(3), 3j, range(3), slice(1, 2), Counter("aab"), NUMBER, 1 << 999),
        *([{"a": (1, None)}, frozenset("ab"), {2.5}], aab.MODEL.scope.layouts[0].sets),
    ],
)
def test_data_is_read_as_it_was(one: Any) -> None:
    again = loads(dumps(one), safely=True)
    assert type(again) is type(one)
    np.testing.assert_array_equal(again, one)
    if isinstance(one, np.ndarray):
        assert (again.dtype, again.flags.writeable) == (one.dtype, True)
        assert again.flags.c_contiguous or one.flags.f_contiguous


def test_a_verdict_is_read_as_it_was() -> None:
    shown = Counterexample("ab", "a", ("b",), (1.0, 0.0), -1.0, "float64")
    told: dict[str, Any] = {"model": "m", "dtype": "float64", "check": "rule", "seconds": 0.5, "total": 9}
    verdict = Verdict("failed", "proved", 9, "", -1.0, shown, ("ab", ("b", "a")), left="time", lengths={1: 2}, **told)
    assert loads(dumps([verdict]), safely=True) == [verdict]


@pytest.mark.parametrize(
    "written", [b"garbage", b"", "text", None, 7, pickle.dumps(None), b"\0" * 40, "another"], ids=str
)
def test_what_is_damaged_is_settled_anew(tmp_path: Path, written: object) -> None:
    kept, model = tmp_path / "kept", aab.build(3)
    with Keep(kept, model) as keep:
        alone = counts(model, keep=keep)
    with sqlite3.connect(kept) as database:
        right = database.execute("SELECT * FROM settled ORDER BY work, shard").fetchall()
        assert len(right) > 1
        other = right[0][2] if written == "another" else written  # as of another shard
        database.execute("UPDATE settled SET result = ?", (other,))
    database.close()
    with Keep(kept, model) as keep:
        assert counts(model, keep=keep) == alone
        assert keep.run("SELECT * FROM settled ORDER BY work, shard") == right
