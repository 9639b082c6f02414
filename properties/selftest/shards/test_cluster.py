"""A dask cluster of two workers, started here: what it settles is what one process settles, bit for bit."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import zoo.shards.executors
from properties.command.main import main
from properties.proof.boxes import Settled
from properties.proof.search import prove_answers
from properties.selftest.models import aab, induction
from properties.selftest.shards.asked import Doubling, counts, only_a, proof, small_shards, tried
from properties.selftest.shards.pretending import pretend
from zoo.errors import RuleError, UnavailableError
from zoo.shards import Shards, cluster

MODEL = """
from properties.selftest.models.induction import build
MODEL = build(n_ctx=4)
"""


def dask() -> Any:
    return pytest.importorskip("distributed", reason="distributed is not installed: pip install handmade-zoo[dask]")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with dask().LocalCluster(2, processes=True, threads_per_worker=1, dashboard_address="127.0.0.1:0") as started:
        yield started.scheduler_address


def test_it_is_the_same_bit_for_bit(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (path := tmp_path / "model.py").write_text(MODEL)
    said = []
    for spread in ([], ["--scheduler", address]):
        written = tmp_path / f"certificate{len(spread)}.json"
        status = main(
            ["verify", str(path), "--check", "rule", "--method", "prove", "--certificate", str(written), *spread]
        )
        said.append((status, capsys.readouterr().out, written.read_bytes()))
    assert said[0] == said[1]
    wrong = replace(induction.build(n_ctx=3), rule=only_a)
    small_shards(monkeypatch)
    with cluster(address) as executor:
        assert proof(wrong, only_a, executor=executor) == proof(wrong, only_a)
        assert counts(wrong, executor=executor) == counts(wrong)
        assert tried(aab.build(2), executor=executor) == tried(aab.build(2))


def test_rules_and_versions_that_differ_are_refused(address: str) -> None:
    with cluster(address) as executor:
        with pytest.raises(RuleError, match=r"stands within another function, but should be at the top of a file"):
            proof(aab.MODEL, lambda context: {"a"}, executor=executor)
        client: Any = vars(executor)["_client"]
        for name in ("handmade-zoo", "numpy"):
            client.run(pretend, name, "0.0")
            with pytest.raises(
                UnavailableError, match=rf"^a worker has {name} 0\.0, but should have .*, as it is here$"
            ):
                proof(aab.build(3), only_a, executor=executor)
            client.run(pretend)
        assert proof(aab.build(3), only_a, executor=executor) == proof(aab.build(3), only_a)


# Behind the others: a worker that was just started imports, which no second thread of it may do at the same time.
def test_a_worker_that_is_killed_changes_nothing(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [*range(5), str(tmp_path / "died"), *range(5)]  # one kills its worker
    small_shards(monkeypatch)
    model, begun, killed = induction.build(n_ctx=4), count(), list[int]()
    with cluster(address) as executor:
        with Shards(Doubling, 10, executor=executor) as work:
            assert [found for _, found in work.each(shards)] == [10, 12, 14, 16, 18, 0, 10, 12, 14, 16, 18]
        assert (tmp_path / "died").exists()
        workers: Any = vars(executor)["_client"].run(os.getpid)

        def kill(settled: Settled) -> None:
            if next(begun) == 20:
                killed.extend(workers.values())
                os.kill(killed[0], signal.SIGKILL)

        alone = prove_answers(model.transformer, model.vocab, model.rule or only_a)
        there = prove_answers(model.transformer, model.vocab, model.rule or only_a, settled=kill, executor=executor)
    assert {**vars(there), "seconds": 0} == {**vars(alone), "seconds": 0}
    assert killed


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    dask()
    monkeypatch.setattr(zoo.shards.executors, "SECONDS", 0.2)
    for address in ("tcp://127.0.0.1:1", "nowhere"):
        assert main(["verify", "ab", "--scheduler", address]) == 2
        assert capsys.readouterr().err.startswith(f"zoo: no dask scheduler answers at {address}, but one should: ")


def test_no_dask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["verify", "ab", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == (
        "zoo: dask is not installed, but should be for --scheduler: pip install 'handmade-zoo[dask]'\n"
    )
