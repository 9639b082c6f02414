"""Proofs end when their time is over, whoever asked for them, and what is not settled by then is said to be open."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from properties.checks import settle
from properties.command.main import main
from properties.proof.search import prove_answers
from properties.robustness import tolerance
from properties.selftest.clock import ticking
from properties.selftest.command.test_interrupts import SLOW
from properties.selftest.models import aab
from zoo import Transformer


@pytest.mark.parametrize("method", ["auto", "prove", "enumerate", "sample"])
def test_a_certificate_that_takes_too_long(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.json"
    command = ["verify", "aab", "--check", "rule", "--method", method, "--certificate", str(path)]
    with monkeypatch.context() as patch:
        patch.setitem(settle.PROOF_SECONDS, "prove" if method == "prove" else "auto", 0)
        assert main(command) == 1
    said = r"zoo: aab was not settled in the time allowed, and there is no certificate: left open is, for one, "
    assert re.fullmatch(rf"{said}\d token.*\n", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []
    assert main(command) == (1 if method == "sample" else 0)  # no sample settles a rule
    assert [one.name for one in tmp_path.iterdir()] == ["c.json"]


def test_a_wrong_model_is_not_out_of_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.py").write_text("def wrong(context):\n    return {'a'}\n")
    path = tmp_path / "c.json"
    assert main(["verify", "aab", "--rule", f"{tmp_path / 'rules.py'}:wrong", "--certificate", str(path)]) == 1
    assert capsys.readouterr().err == "zoo: aab was not proved right, and there is no certificate\n"
    assert not path.exists()


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    """A model whose proof has as many cases as there are contexts, and 50 looks at the clock for it."""
    ticking(monkeypatch, 4e-3)
    monkeypatch.setitem(settle.PROOF_SECONDS, "auto", 0.2)

    def write(n_ctx: int) -> str:
        (path := tmp_path / "slow.py").write_text(SLOW.replace("N,", f"{n_ctx},"))
        return str(path)

    return write


def test_show_ends(
    slow: Callable[[int], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["show", "--robustness", slow(40)]) == 0
    out = capsys.readouterr().out
    assert "by how much every weight may be off was not settled in the time allowed\n" in out
    assert "a change of the weights breaks" not in out  # there are too many contexts to look for one
    monkeypatch.setitem(settle.PROOF_SECONDS, "auto", 0)
    assert main(["show", "--robustness", slow(13)]) == 0
    assert (
        "whether a change of the weights breaks an answer was not settled in the time allowed\n"
        in capsys.readouterr().out
    )


def test_a_certificate_of_a_model_with_too_many_cases(
    slow: Callable[[int], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", slow(40), "--check", "scalar", "--certificate", str(tmp_path / "c.json")]) == 1
    assert "votes was not settled in the time allowed, and there is no certificate" in capsys.readouterr().err


def test_a_rule_that_is_silent_about_more_than_can_be_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of those contexts is judged: nothing but the time ends it."""
    ticking(monkeypatch, 4e-3)

    def counts(context: Any) -> set[str]:
        return {"a", "b"} if sum(token == "a" for token in context) < 99 else {"b"}

    transformer = Transformer(np.eye(2), np.zeros((40, 2)), [])
    proof = prove_answers(transformer, "ab", counts, lengths=[40], max_seconds=0.2)
    assert (proof.status, proof.contexts, proof.upto) == ("undecided", 0, 0)
    assert proof.widest.startswith("40 tokens, ")
    assert 0 < proof.skipped < 2**40


def test_what_was_settled_of_the_weights_when_time_is_over_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tolerance.certified(aab.MODEL)
    assert tolerance.certified(aab.MODEL, 600) == whole
    found = []
    for looks in range(0, 200, 19):
        left = iter(range(looks))

        def late(left: Any = left) -> bool:
            return next(left, None) is None

        monkeypatch.setattr(tolerance, "_clock", lambda max_seconds, late=late: late)
        try:
            found.append(tolerance.certified(aab.MODEL))
        except tolerance.OutOfTimeError:
            found.append(0.0)
    assert found == sorted(found)  # the more time, the more
    assert 0 == found[0] < found[len(found) // 2] <= found[-1] == whole


def test_a_breaking_change_that_takes_too_long() -> None:
    with pytest.raises(tolerance.OutOfTimeError, match="settled in the time allowed"):
        tolerance.breaking(zoo.load("ab"), 0)
    assert tolerance.breaking(zoo.load("ab"), 600) == tolerance.breaking(zoo.load("ab"))
