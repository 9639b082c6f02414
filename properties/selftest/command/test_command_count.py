"""`zoo count`: what is printed, as sentences and as JSON, and what is refused."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties.command.main import main
from properties.counting import Count, Counted, Counting
from properties.report.counts import counts_as_json
from properties.selftest.counting.maxima import MAXIMUM, maxima
from zoo.digits import percent_at_least, percent_at_most


def test_sentences_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an attention-only file and a rule: tokens are called by their number, which is said."""
    arrays: dict[str, Any] = maxima(3)
    np.savez(tmp_path / "max3.npz", **arrays)
    (tmp_path / "rule.py").write_text(MAXIMUM)
    arguments = ["count", str(tmp_path / "max3.npz"), "--rule", f"{tmp_path / 'rule.py'}:maximum"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "tokens are called by their number, 00 to 11" in said
    assert main([*arguments, "--json", "--length", "2", "3"]) == 0
    [found] = json.loads(capsys.readouterr().out)["models"]
    by_plain = [str(number) for number in wrong_by_running(3)[1:]]
    assert [one["wrong"] for one in found["lengths"]] == by_plain
    assert [one["total"] for one in found["lengths"]] == ["144", "1728"]
    assert int(found["wrong"]) == sum(map(int, by_plain)) > 0
    assert found["open"] == "0"
    assert found["accuracy"]["at_least"] <= 1 - int(found["wrong"]) / 1872 <= found["accuracy"]["at_most"]
    assert f"contexts in all: {sum(wrong_by_running(3))} wrong" in said


def wrong_by_running(n: int) -> list[int]:
    """Of the contexts of each length, by the arrays alone: one head, after TransformerLens."""
    w = maxima(n)
    found = []
    for length in range(1, n + 1):
        tokens = np.indices((12,) * length).reshape(length, -1).T
        x = w["W_E"][tokens] + w["W_pos"][:length]
        q, k, v = x[:, -1] @ w["W_Q"], x @ w["W_K"], x @ w["W_V"]
        scores = (k @ q[..., None])[..., 0] / np.sqrt(w["W_Q"].shape[1])
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        logits = (x[:, -1] + (weights[:, None] @ v)[:, 0] @ w["W_O"]) @ w["W_U"]
        found.append(int((logits.argmax(axis=1) != tokens.max(axis=1)).sum()))
    return found


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ab", "--gap", "1.5"], "should be a share"),
        (["ab", "--max-seconds", "0"], "should be above 0"),
        (["ab", "--length", "9"], "should have 1 to 5"),
        (["share"], "answers at every position, but should"),
    ],
)
def test_what_is_refused(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_what_is_refused_is_found_out_before_anything_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where models are named; else those are left out, of which the zoo has some."""
    with monkeypatch.context() as patch:
        patch.setattr(Counting, "steps", lambda *_: pytest.fail("one is counted"))
        assert main(["count", "ab", "share"]) == 2
    assert main(["count", "--length", "1"]) == 0
    said = capsys.readouterr().out
    assert "\ntwo_head\n" in said
    assert "share" not in said


def test_an_interval_is_rounded_to_its_own_sides() -> None:
    found = Count("m", (Counted(1, 1, 1, 1), Counted(2, 10**30, 1, 1, 5)), 0.0)
    accuracy = counts_as_json([found])["models"][0]["accuracy"]
    assert (accuracy["at_least"], accuracy["at_most"]) == (0.999999999999999, 1.0)
    assert counts_as_json([found])["models"][0]["lengths"][1]["skipped"] == "5"
    least, most = found.accuracy
    assert percent_at_least(least) == f"99.{'9' * 27}6 %"
    assert percent_at_most(most) == f"99.{'9' * 27}8001 %"


def test_what_is_certain_is_printed_where_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = Counting.steps

    def stopped(self: Counting, *limits: Any) -> Iterator[None]:
        yield from islice(steps(self, *limits), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Counting, "steps", stopped)
    assert main(["count", "aab"]) == 130
    said = capsys.readouterr()
    assert "at least 0 % and at most 100 % of 1 context of 1 token, beside 1 of which nothing is specified" in said.out
    assert "right in at least 34.7826 % and at most 100 % of 46 contexts in all" in said.out
    assert said.err == "zoo: interrupted\n"
