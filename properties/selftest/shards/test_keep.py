"""What is settled is kept: whatever ends a run, the next one goes on, and what was kept of another is refused."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
from properties.command.main import main
from properties.proof import settling
from properties.selftest.models import aab, induction
from properties.selftest.shards.asked import counts, only_a, proof, small_shards, tried
from zoo import Domain
from zoo.errors import ModelError, RuleError
from zoo.shards import Keep
from zoo.shards.travel import loads

KILLED = """
import os, signal, sys
from properties.proof import rounds, settling
from properties.selftest.models import induction
from properties.selftest.shards.asked import proof
from zoo.shards import Keep
import zoo.shards.keep
for module in (settling, rounds):
    module.BATCH = 2
settling.MOST, settling.DEEP, zoo.shards.keep.OFTEN = 1, 2, 0
model, settle, left = induction.build(n_ctx=4), settling.settle, iter(range(5))
def last(*given):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return settle(*given)
settling.settle = last
proof(model, model.rule, keep=Keep(sys.argv[1], model))
"""


class Counted:
    """How often boxes are settled; ends it after so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: float = np.inf) -> None:
        self.number, self.most, settle = 0, most, settling.settle

        def counted(*given: Any) -> Any:
            if self.number == self.most:
                raise KeyboardInterrupt
            self.number += 1
            return settle(*given)

        monkeypatch.setattr(settling, "settle", counted)


def test_an_interrupted_proof_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_shards(monkeypatch)
    model = induction.build(n_ctx=4)
    with monkeypatch.context() as patch:
        every = Counted(patch)
        alone = proof(model, model.rule)
    with monkeypatch.context() as patch:
        Counted(patch, 7)
        with pytest.raises(KeyboardInterrupt), Keep(tmp_path / "kept", model) as keep:
            proof(model, model.rule, keep=keep)
    with monkeypatch.context() as patch, Keep(tmp_path / "kept", model) as keep:
        again = Counted(patch)
        assert proof(model, model.rule, keep=keep) == alone
        assert again.number == every.number - 7 > 0
        assert proof(model, model.rule, keep=keep) == alone
        assert again.number == every.number - 7  # all of it is kept by now


def test_a_killed_proof_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(kept)], check=False, timeout=100)
    assert ended.returncode == -signal.SIGKILL
    small_shards(monkeypatch)
    model = induction.build(n_ctx=4)
    with monkeypatch.context() as patch:
        every = Counted(patch)
        alone = proof(model, model.rule)
    again = Counted(monkeypatch)
    with Keep(kept, model) as keep:
        assert proof(model, model.rule, keep=keep) == alone
    assert every.number - again.number == 5


def test_counts_and_mutants_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(induction.build(n_ctx=4), rule=only_a)
    for model, what in ((wrong, counts), (aab.build(3), tried)):
        alone = what(model)
        for _ in range(2):
            with Keep(tmp_path / what.__name__, model) as keep:
                assert what(model, keep=keep) == alone


def test_what_was_kept_of_another_is_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "kept", aab.MODEL
    Keep(path, model).close()
    Keep(path, model).close()
    others = {
        "model": replace(model, name="other"),
        "arrays": replace(
            model, transformer=replace(model.transformer, position_embedding=model.transformer.position_embedding + 1)
        ),
        "dtype": model.astype(np.float32),
        "domain": replace(model, domain=Domain.every("ab", 4)),
        "rule": replace(model, rule=only_a),
        "answers": replace(model, outputs=("x", "y"), cycle=None),
    }
    for what, other in others.items():
        with pytest.raises(ModelError, match=rf"is of another (arrays|{what}) .* or another file for what is kept$"):
            Keep(path, other)
    with pytest.raises(RuleError, match="to be sent to other processes"):
        proof(model, lambda context: {"a"}, keep=Keep(path, model))
    (tmp_path / "text").write_text("a certificate, say, and not what was kept" * 100)
    with pytest.raises(ModelError, match="but should be a file that --keep wrote, and no one uses"):
        Keep(tmp_path / "text", model)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with Keep(tmp_path / "kept", aab.MODEL), pytest.raises(ModelError, match=r"cannot be used \(database is locked\)"):
        Keep(tmp_path / "kept", aab.MODEL)
    Keep(tmp_path / "kept", aab.MODEL).close()


class Runs:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.mark.parametrize("one", [Runs(), os.system, reference.aab, eval])
def test_what_is_kept_is_data(one: object) -> None:
    with pytest.raises(ModelError, match="but should be of what shards settle"):
        loads(pickle.dumps(one), safely=True)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = str(tmp_path / "kept")
    for _ in range(2):
        assert main(["verify", "ab", "aab", "--check", "rule", "--keep", kept]) == 0
    assert main(["count", "ab", "--keep", kept]) == 2
    assert main(["mutate", "ab", "--jobs", "0"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"zoo: {kept} is of another model (ab, aab), but should be of ab, or another file for what is kept",
        "zoo: --jobs is 0, but should be a whole number from 1 to 4096",
    ]
