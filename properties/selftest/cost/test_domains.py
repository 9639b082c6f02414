"""What a model with a domain costs: in its contexts only, at the longest of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties.command.main import main
from properties.selftest import domains
from properties.selftest.models import aab
from zoo import Domain, Model, Transformer
from zoo.cost import picture
from zoo.cost.counted import cost
from zoo.cost.ladder import ladder
from zoo.cost.operations import flops, instructions
from zoo.cost.spread import spread

pytestmark = pytest.mark.usefixtures("short_rounds")


def test_only_its_contexts_are_run() -> None:
    """By whatever can be told to run these: enumeration cannot."""
    words = domains.words()
    said = {context: words.predict(context) for context in words.contexts()}
    model = replace(words, rule=lambda context: {said[context]})  # raises elsewhere
    rungs = {rung.name: rung for rung in ladder(model, rounds=1)}
    assert {name for name, rung in rungs.items() if not rung.seconds} - {"native"} == {"enumeration", "assembly"}
    assert all(rung.contexts == 14 for rung in rungs.values() if rung.seconds)
    assert "but should run those of the domain" in rungs["enumeration"].reason
    assert rungs["baseline"].operations == sum(2 ** (n - 1) * flops(words.transformer, n) for n in (2, 3, 4)) / 14


def test_the_sample_is_of_the_domain() -> None:
    both = Domain.layout(["<s>", *"www"], 2, w=["one", "two"]) | Domain.layout(["two"])
    model = replace(domains.words(), domain=both)
    assert spread(model, 256) == list(model.contexts())
    assert spread(model, 5) == list(model.contexts())[::3]
    long = Domain.layout("^" + "d" * 11, start=3, d="ab")
    wide = Model("wide", "ab^", Transformer(np.eye(3), np.zeros((12, 3)), []), domain=long)
    sample = spread(wide, 100)
    assert all(context in long for context in sample)
    assert 90 <= len(sample) == len(set(sample)) <= 100


def test_what_is_counted_is_of_the_longest_contexts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = domains.adder(n_ctx=6)
    wider = cost(replace(model, domain=None)).flops
    assert wider is not None
    assert cost(model).flops == flops(model.transformer, 4) < wider
    assert "(n_ctx 6, in its domain)" in picture.ladder(model, [])
    assert "(n_ctx 6)" in picture.ladder(replace(model, domain=None), [])
    (tmp_path / "adder.py").write_text(domains.text('Domain.layout("d+d=", start=4, d="01")', n_ctx=6))
    assert main(["cost", str(tmp_path / "adder.py"), "aab", "--json"]) == 0
    adder, other = json.loads(capsys.readouterr().out)["models"]
    assert (adder["n_ctx"], adder["longest"], adder["flops"]) == (6, 4, flops(model.transformer, 4))
    assert "longest" not in other
    assert main(["cost", str(tmp_path / "adder.py")]) == 0
    assert "adder: in the 4 contexts of its domain, of at most 4 tokens\n" in capsys.readouterr().out


def test_instructions_are_those_of_the_domain() -> None:
    """3 to 8 of aab in all contexts; where the last token is b, the shortest way."""
    model = replace(aab.MODEL, domain=Domain.layout("ddb", start=3, d="ab"))
    assert instructions(model) == {"least": 3, "most": 3}
    large = replace(zoo.load("aab", 30), predictors=aab.MODEL.predictors, domain=model.domain)
    assert instructions(large) == {"least": 3, "most": 3}
