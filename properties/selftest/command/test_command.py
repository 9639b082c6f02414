"""The command as its user meets it: what it prints, where, and its exit status."""

import argparse
import json
import shlex
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties.checks.table import CHECKS
from properties.command.arguments import CHECKS as NAMED
from properties.command.arguments import EXAMPLES
from properties.command.main import main, parser
from properties.selftest.models import NAMES, aab


@pytest.fixture
def large_three(tmp_path: Path) -> str:
    """A copy of aab with LARGE 3, in a file of its own."""
    text = Path(aab.__file__).read_text()
    assert "LARGE = 1024\n" in text
    path = tmp_path / "large_three.py"
    path.write_text(text.replace("LARGE = 1024\n", "LARGE = 3\n"))
    return str(path)


def test_predict_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, printed in (
        (["predict", "two_head", "bbaa"], "a"),
        (["predict", "two_head_either", "bbaa"], "b"),
        (["complete", "two_head", "aab"], "abaababaababaab"),
        (["complete", "aab", "bbbbb", "-n", "10"], "aabaabaaba"),
    ):
        assert main(arguments) == 0
        assert capsys.readouterr().out == f"{printed}\n"


def test_verify_prints_every_model_and_check(capsys: pytest.CaptureFixture[str]) -> None:
    names = [*NAMES, "explainer"]
    assert main(["verify", "--verbose", *names]) == 0
    out = capsys.readouterr().out
    assert all(
        name in out for name in [*names, *CHECKS.keys() - {"lemmas", "folds", "accuracy"}]
    )  # which none of them has
    assert "all 62" in out
    assert "all 126" in out
    assert "14 contexts as stated" in out


def test_verify_json_follows_the_schema(capsys: pytest.CaptureFixture[str], large_three: str) -> None:
    assert main(["verify", "two_head", large_three, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["version", "holds", "models"]
    assert (report["version"], report["holds"]) == (1, False)
    good, bad = report["models"]
    for model in (good, bad):
        assert list(model) == ["name", "n_ctx", "dtype", "holds", "verdicts"]
        keys = ["check", "status", "method", "contexts", "total", "margin", "seconds", "detail", "counterexample"]
        assert all(list(verdict) == [*keys, "lengths"] for verdict in model["verdicts"])
    [lengths] = [v["lengths"] for v in good["verdicts"] if v["check"] == "rule"]
    assert lengths == [{"length": n, "contexts": str(2**n)} for n in range(1, 7)]
    assert (good["name"], good["n_ctx"], good["dtype"], good["holds"]) == ("two_head", 6, "float64", True)
    assert [v["contexts"] for v in good["verdicts"] if v["check"] == "rule"] == ["126"]
    assert [v["status"] for v in good["verdicts"] if v["check"] == "deviations"] == ["deviates"]
    [rule] = [v for v in bad["verdicts"] if v["check"] == "rule"]
    assert (rule["status"], rule["method"], rule["contexts"]) == ("failed", "enumerated", "62")
    assert list(rule["counterexample"]) == ["context", "predicted", "permitted", "logits", "margin"]
    assert rule["counterexample"]["context"] == "bbaa"


def test_verify_shows_the_shortest_counterexample(capsys: pytest.CaptureFixture[str], large_three: str) -> None:
    assert main(["verify", large_three]) == 1
    out = capsys.readouterr().out
    assert "after bbaa it says a, permitted is b" in out
    assert f"reproduce: zoo show {large_three} bbaa" in out


def test_verify_only_the_named_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "aab", "--check", "rule", "cycle", "--json"]) == 0
    [model] = json.loads(capsys.readouterr().out)["models"]
    assert [verdict["check"] for verdict in model["verdicts"]] == ["rule", "cycle"]


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "two_head", "bbabba"]) == 0
    out = capsys.readouterr().out
    for text in (
        "head 0 q: pos 1..5 -> 8 pos 0..4 + 8 pos 1..5",
        "head 1 v: tok b -> -1 value",
        "always -> 16 tok a",
        "(0.9705, 'bbabba')  (0.9705, 'bbabba')",
        "deviates from aab_or_third_previous",
        "after bbabba: b",
        "attention 0.1",
        "head 0.1",
    ):
        assert text in out


def test_show_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "parity", "aab", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == [
        *("version", "name", "n_ctx", "d_model", "dtype", "tied", "source", "right", "weights"),
        *("claims", "lemmas", "deviations", "context"),
    ]
    assert (found["right"]["status"], found["right"]["contexts"]) == ("holds", "510")
    assert {"part": "unembedding", "lines": ["token a -> 8 share", "token b -> 16 wave"]} in found["weights"]
    read = found["context"]
    assert (read["tokens"], read["answers"], read["permitted"]) == (["a", "a", "b"], ["a"], [["a"]])
    assert [one["value"] for one in read["neurons"]][2:] == [0] * 6
    np.testing.assert_allclose(sum(np.array(one["logits"]) for one in read["shares"]), read["logits"])
    [head] = read["heads"]
    assert (np.shape(head["weights"]), np.shape(head["scores"])) == ((3, 3), (3,))
    assert main(["show", "two_head", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["claims"]) == 2
    assert len(found["deviations"][0]["contexts"]) == 14
    assert main(["show", "ripple_adder", "0000000001+0000000001=", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["d_model"], found["weights"], found["context"]["answers"]) == (None, [], [2])


def test_what_prints_a_table_prints_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [subcommands] = [one.choices for one in parser()._actions if isinstance(one.choices, dict)]
    without = {name for name, one in subcommands.items() if "--json" not in one.format_help()}
    # They print lines, or write pages, and no table.
    assert without == {"recheck", "predict", "complete", "export", "new", "distill", "report"}
    (tmp_path / "mine.py").write_text("def last(context):\n    return {context[-1]}\n")
    asked = ["--vocab", "ab", "--window", "1", "--n-ctx", "3", "--json"]
    assert main(["compile", f"{tmp_path / 'mine.py'}:last", str(tmp_path / "made"), *asked]) == 0
    [made] = json.loads(capsys.readouterr().out)["models"]
    assert (made["name"], made["holds"]) == ("last", True)


@pytest.mark.usefixtures("short_rounds")
def test_list_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in zoo.names())
    assert main(["cost", "aab", "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)
    assert cost["version"] == 1
    assert cost["models"][0]["flops"] == 3935
    assert cost["models"][0]["parameters"] == {"total": 344, "nonzero": 26, "unique": 4}
    assert main(["cost"]) == 0
    assert "3,935" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["predict", "aab", "abc"], "token 'c' is unknown, but should be one of a, b"),
        (["predict", "aab", "\N{CRAB}"], "is unknown"),
        (["predict", "aab", ""], "the context is empty"),
        (["predict", "aba", "a"], "did you mean 'ab'?"),
        (["complete", "aab", "a", "-n", "-1"], "should be a whole number from 0 on"),
        (["verify", "nothing.py"], "is no model file"),
        (["verify", "aab", "aab"], "repeats the name"),
        (["verify", "--check", "rul"], "did you mean 'rule'?"),
        (["verify", "--check", "rule", "aab"], "aab is no check but a model, and should stand before --check"),
        (["verify", "ab", "--check", "predictors"], "applies to none of these models"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("zoo: ")
    assert sentence in captured.err
    assert captured.err.count("\n") == 1


BAD_RULES = {
    "lambda context: 1 / 0": "division by zero, but should answer every context (line 2 of mine.py)\n",
    "lambda context: int(context, base=1)": "should answer every context (line 2 of mine.py)\n",
    "lambda context: MODEL.predict('')": "should answer every context (line 2 of mine.py)\n",
    'lambda context: "b"': "is 'b', but should be a set of tokens",
    'lambda context: {"b", "z"}': "permits 'z', but should permit some of a, b",
    "lambda: set()": "raises TypeError",
    "7": "should be a function of a context",
}


@pytest.mark.parametrize("rule", BAD_RULES)
def test_a_rule_that_is_none(rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from zoo import Model, Transformer\n"
        f"MODEL = Model('mine', 'ab', Transformer([[1, 0], [0, 1]], [[0, 0]], []), rule={rule})\n"
    )
    assert main(["verify", str(path)]) == 2
    assert BAD_RULES[rule] in capsys.readouterr().err


@pytest.mark.usefixtures("short_rounds")
def test_names_and_contexts_may_stand_behind_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "aab", "-q", "ab"]) == 0
    assert capsys.readouterr().out.startswith("2 models, ")
    assert main(["show", "aab", "--n-ctx", "3", "bab"]) == 0
    assert "\nafter bab: a " in capsys.readouterr().out
    assert main(["cost", "aab", "--json", "--n-ctx", "2", "ab"]) == 0
    assert len(json.loads(capsys.readouterr().out)["models"]) == 2


WRONG_USAGE = [
    [],
    ["verfy"],
    ["predict", "aab"],
    ["verify", "--jsn"],
    ["show", "aab", "--json", "a", "b"],
    ["new", "a", "b"],
    ["compare", "ab", "ab", "--all", "ab"],
]


@pytest.mark.parametrize("arguments", WRONG_USAGE)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: zoo" in capsys.readouterr().err


def test_without_a_command_there_is_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "\n    verify    Check models in every context." in err
    assert err.endswith("example: zoo verify aab two_head\n")


def test_what_a_family_takes_is_taken_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what is no family is found at the size that it has."""
    assert main(["compare", "aab", "aab_compact", "--n-ctx", "3", "--json"]) == 0
    [model] = json.loads(capsys.readouterr().out)["models"]
    assert (model["n_ctx"], model["verdicts"][0]["contexts"]) == (3, "14")
    assert main(["inspect", "aab", "--n-ctx", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_ctx"] == 3
    assert main(["mutate", "ab", "--n-ctx", "3"]) == 0
    assert "ab: 40 mutants, " in capsys.readouterr().out
    assert main(["export", "aab", str(tmp_path / "three"), "--format", "zoo", "--n-ctx", "3"]) == 0
    for same in (str(tmp_path / "three"), "aab"):
        assert main(["compare", "aab", same, "--n-ctx", "3"]) == 0
    assert main(["predict", "two_head", "bbaa", "--n-ctx", "6"]) == 0
    capsys.readouterr()
    assert main(["compare", "aab", str(tmp_path / "three"), "--n-ctx", "4"]) == 2
    assert "holds arrays and no family: it exists at n_ctx 3 only" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("handmade-zoo ")


def test_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert main(["predict", "ab", "a"]) == 0
    assert capsys.readouterr().out == "b\n"


def test_every_help_has_an_example_that_is_read() -> None:
    [subcommands] = [one.choices for one in parser()._actions if isinstance(one.choices, dict)]
    assert subcommands.keys() == EXAMPLES.keys()
    for name, one in subcommands.items():
        example = EXAMPLES[name]
        assert " ".join(one.format_help().split()).endswith(f"example: {' '.join(example.split())}")
        for action in one._actions:
            if not (action.default in (None, False, []) or isinstance(action, argparse._HelpAction)):
                default = f"{action.default:g}" if isinstance(action.default, float) else action.default
                assert f"({default})" in str(action.help), (name, action.option_strings)
        for line in example.split(" && "):
            assert parser().parse_args(shlex.split(line)[1:]).run is not None


def test_the_help_names_the_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(CHECKS) == NAMED
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    assert f"only these: {', '.join(CHECKS)}" in " ".join(capsys.readouterr().out.split())
