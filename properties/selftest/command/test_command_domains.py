"""A domain at the command: stated with `--domain`, heeded by whatever reads a context, refused where it is wrong."""

import json
from pathlib import Path

import pytest

from properties.command.main import main
from properties.selftest import domains
from zoo import files
from zoo.domain import as_data

STATED = ["--domain", "d+d=", "--let", "d=01", "--start", "4"]


@pytest.fixture
def adder(tmp_path: Path) -> str:
    """Without a domain: its rule raises outside."""
    (tmp_path / "adder.py").write_text(domains.text())
    return str(tmp_path / "adder.py")


@pytest.fixture
def stating(tmp_path: Path) -> str:
    """With the domain in the file, and a position that no context of it reaches."""
    (tmp_path / "stating.py").write_text(domains.text('Domain.layout("d+d=", start=4, d="01")', n_ctx=5))
    return str(tmp_path / "stating.py")


def test_verify_speaks_of_the_domain_that_is_stated(adder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", adder, "--check", "rule"]) == 2
    assert "raises" in capsys.readouterr().err
    assert main(["verify", adder, *STATED, "--json"]) == 0
    [model] = json.loads(capsys.readouterr().out)["models"]
    assert list(model) == ["name", "n_ctx", "dtype", "domain", "holds", "verdicts"]
    assert model["domain"] == as_data(domains.LAYOUT)
    assert {verdict["check"]: verdict["total"] for verdict in model["verdicts"]}["rule"] == "4"


def test_without_letters_or_start_every_prefix_is_meant(adder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", adder, "--domain", "0+1=", "--check", "scalar", "--json"]) == 0
    [model] = json.loads(capsys.readouterr().out)["models"]
    assert [verdict["total"] for verdict in model["verdicts"]] == ["4"]


def test_a_letter_may_be_the_sign_of_equality(adder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", adder, "--domain", "0===", "--let", "==01", "--check", "scalar", "--json"]) == 0
    [model] = json.loads(capsys.readouterr().out)["models"]
    assert [verdict["total"] for verdict in model["verdicts"]] == [str(1 + 2 + 4 + 8)]


@pytest.mark.parametrize(
    ("layout", "letters"),
    [("<s> start start start", "start=one two"), ('["<s>", "start", "start", "start"]', 'start=["one", "two"]')],
)
def test_tokens_that_are_words(layout: str, letters: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a directory, which has no rule of its own; a letter may be named like an argument of ours."""
    model = domains.words()
    assert files.write_zoo(model, tmp_path / "kept")
    config = json.loads((tmp_path / "kept" / "config.json").read_text())
    del config["domain"]
    (tmp_path / "kept" / "config.json").write_text(json.dumps(config))
    (tmp_path / "mine.py").write_text("def mine(context):\n    return {context[1]}\n")
    rule = ["--rule", f"{tmp_path}/mine.py:mine", "--domain", layout, "--let", letters, "--start", "2"]
    assert main(["verify", f"{tmp_path}/kept", *rule, "--check", "rule", "--json"]) == 0
    [read] = json.loads(capsys.readouterr().out)["models"]
    assert read["domain"] == as_data(model.scope)
    assert read["verdicts"][0]["total"] == "14"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--domain", ""], "a layout has no position, but should have one or more"),
        (["--domain", "", "--let", "d=01"], "a layout has no position, but should have one or more"),
        (["--domain", "d+d="], "adder: the domain has 'd', but should have tokens out of 0, 1, '+', '='"),
        (["--domain", "dd", "--let", "d=02"], "adder: the domain has '2', but should have tokens out of"),
        (["--domain", "00000"], "adder: the domain has contexts of 5 tokens, but should have 4 tokens at most"),
        (["--domain", "d+d=", "--let", "d=01", "--let", "e=01"], "the layout d+d= has no 'e', but should"),
        (["--domain", "d+d=", "--let", "d=0", "--let", "d=1"], "--let has 'd' twice, but should have each letter once"),
        (["--domain", "d+d=", "--let", "d"], "--let is 'd', but should be LETTER=TOKENS"),
        (["--domain", "d+d=", "--let", "d01"], "--let is 'd01', but should be LETTER=TOKENS"),
        (["--domain", "d+d=", "--let", "=01"], "--let is '=01', but should be LETTER=TOKENS"),
        (["--domain", "d+d=", "--let", ""], "--let is '', but should be LETTER=TOKENS"),
        (["--domain", "d+d=", "--let", "d="], "what 'd' stands for is '', but should be tokens"),
        (["--let", "d=01"], "--let is given without --domain, but should say more of the layout"),
        (["--start", "1"], "--start is given without --domain, but should say more of the layout"),
        (["--domain", "0+1=", "--start", "5"], "a layout of 4 tokens starts at 5, but should at 1 to 4"),
        (["--domain", "0+1=", "--start", "0"], "a layout of 4 tokens starts at 0, but should at 1 to 4"),
    ],
)
@pytest.mark.parametrize("subcommand", ["verify", "recheck"])
def test_what_states_no_domain_is_refused(
    subcommand: str, arguments: list[str], sentence: str, adder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(adder).parent / "certificate.json").write_text("{}")
    named = [adder] if subcommand == "verify" else [f"{Path(adder).parent}/certificate.json", adder]
    assert main([subcommand, *named, *arguments]) == 2
    refused(sentence, capsys)


def test_lists_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert files.write_zoo(domains.words(), tmp_path / "kept")
    for option, sentence in (
        (["--domain", "[1"], "states a domain of its own"),
        (["--domain", "[1", "--let", "d=[2"], "states a domain of its own"),
    ):
        assert main(["verify", f"{tmp_path}/kept", *option]) == 2
        refused(sentence, capsys)
    config = json.loads((tmp_path / "kept" / "config.json").read_text())
    del config["domain"]
    (tmp_path / "kept" / "config.json").write_text(json.dumps(config))
    for option, sentence in (
        (["--domain", "[1"], "the layout '[1' should be a list of tokens in JSON, or tokens with spaces"),
        (["--domain", "[1]"], "the layout is (1,), but should be a string or a sequence of tokens"),
        (["--domain", "d", "--let", "d=[2"], "what 'd' stands for '[2' should be a list of tokens in JSON"),
        (["--domain", "d", "--let", "d=[2]"], "what 'd' stands for is (2,), but should be tokens"),
        (["--domain", " ", "--let", "d=one"], "a layout has no position, but should have one or more"),
    ):
        assert main(["verify", f"{tmp_path}/kept", *option]) == 2
        refused(sentence, capsys)


def test_a_model_with_a_domain_of_its_own(stating: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", stating, *STATED]) == 2
    refused("adder states a domain of its own, but should state none for --domain to be given", capsys)
    assert main(["verify", stating, "--check", "rule", "margin"]) == 0
    assert "all 4" in capsys.readouterr().out


def refused(sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zoo: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("subcommand", ["predict", "complete", "show", "inspect"])
def test_a_context_outside_is_refused_or_read_anyway(
    subcommand: str, stating: str, adder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([subcommand, stating, "1+1"]) == 2
    refused("the context 1+1 is outside the domain of adder, but should be one as", capsys)
    assert main([subcommand, stating, "1+1", "--anyway"]) == 0
    read = capsys.readouterr().out
    assert read
    few = ["-n", "1"] if subcommand == "complete" else []
    assert main([subcommand, stating, "1+1=", *few]) == 0
    inside = capsys.readouterr().out
    assert main([subcommand, stating, "1+1=", *few, "--anyway"]) == 0
    assert capsys.readouterr().out == inside
    assert main([subcommand, adder, "1+1"]) == 0  # where no domain is stated, none is refused
    assert capsys.readouterr().err == ""


def test_completion_is_refused_where_it_leaves_the_domain(stating: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complete", stating, "0+1=", "-n", "2"]) == 2
    refused("the context 0+1=1 is outside the domain of adder", capsys)
    assert main(["complete", stating, "0+1=", "-n", "2", "--anyway"]) == 0
    assert capsys.readouterr().out.startswith("1")


def test_show_says_which_contexts_and_lemmas(stating: str, adder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", stating, "1+1="]) == 0
    out = capsys.readouterr().out
    assert "domain: 4 contexts of 4 tokens\n  4 tokens: [0] 0, 1; [1] '+'; [2] 0, 1; [3] '='\n" in out
    lemmas = 'lemmas=[Lemma("there are four", lambda m: m.scope.count() == 4), Lemma("none", lambda m: False)], '
    text = (
        Path(stating)
        .read_text()
        .replace("Domain, Mlp,", "Domain, Lemma, Mlp,")
        .replace("margin=10", f"{lemmas}margin=10")
    )
    Path(stating).write_text(text)
    assert main(["show", stating, "1+1="]) == 0
    out = capsys.readouterr().out
    assert "\nlemma: there are four (holds)\n" in out
    assert "\nlemma: none (does not hold)\n" in out
    assert main(["show", adder, "1+1="]) == 0
    assert "domain" not in capsys.readouterr().out


def test_a_certificate_of_a_stated_domain(adder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("flint", reason="python-flint is not installed")
    path = f"{tmp_path}/certificate.json"
    assert main(["verify", adder, *STATED, "--check", "rule", "--certificate", path]) == 0
    capsys.readouterr()
    assert main(["recheck", path, adder, *STATED]) == 0
    assert "answers as rule says in 4 contexts of the domain, by " in capsys.readouterr().out
    for other in ([], ["--domain", "d+d=", "--let", "d=01"], ["--domain", "d+0=", "--let", "d=01", "--start", "4"]):
        assert main(["recheck", path, adder, *other]) == 2
        assert "the certificate's domain is" in capsys.readouterr().err


def test_generation_ends_where_the_domain_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complete", "digit_adder", "7+8="]) == 0
    assert main(["complete", "digit_adder", "7+8=", "-n", "0"]) == 0
    assert main(["complete", "digit_adder", "7+8=", "-n", "3"]) == 2
    out, error = capsys.readouterr()
    assert out == "15\n\n"
    assert error.startswith("zoo: the context +8=15 is outside the domain of digit_adder, but should be one as ")
    assert main(["complete", "digit_adder", "7+8=", "--anyway"]) == 0
    assert len(capsys.readouterr().out) == 16


LEMMA = """
from dataclasses import replace
from zoo import Lemma

class Silent(Exception):
    def __str__(self):
        raise RuntimeError

class Shy:
    def __repr__(self):
        raise RuntimeError

def fails(error):
    raise error

MODEL = replace(MODEL, lemmas=[Lemma("it is so", lambda model: COMES_OUT)])
"""


@pytest.mark.parametrize(
    ("comes_out", "sentence"),
    [
        (
            "1 / 0",
            "the lemma 'it is so' raises ZeroDivisionError: division by zero, but should be true or false (line ",
        ),
        ('fails(ValueError("one\\ntwo"))', "raises ValueError: one two, but should be true or false"),
        ("fails(Silent())", "raises Silent: a Silent, but should be true or false"),
        ("Shy()", "comes out as a Shy, but should be true or false"),
        ("'x' * 500", f"comes out as {repr('x' * 500)[:200]}..., but should be true or false"),
    ],
)
def test_a_lemma_that_does_not_come_out(
    comes_out: str, sentence: str, stating: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(stating, "a") as file:
        file.write(LEMMA.replace("COMES_OUT", comes_out))
    assert main(["verify", stating, "--check", "lemmas"]) == 2
    refused(sentence, capsys)


def test_a_false_lemma_fails_and_there_is_no_certificate(
    stating: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(stating, "a") as file:
        file.write(LEMMA.replace("COMES_OUT", "False"))
    assert main(["verify", stating, "--check", "rule", "--certificate", str(tmp_path / "none.json")]) == 1
    refused = "adder: the lemma 'it is so' is false, but should hold to be certified"
    assert capsys.readouterr().err == f"zoo: {refused}\n"
    assert not (tmp_path / "none.json").exists()
