"""What was kept of a model is not taken for that of another: whatever is stated of it counts."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
from properties.command.main import main
from properties.selftest.models import aab
from zoo import Basis, Claim, Cycle, Deviation, Domain, Lemma, Model, Transformer
from zoo.black_box import BlackBox
from zoo.errors import ModelError
from zoo.model import NUMBER
from zoo.shards import Keep
from zoo.shards.keep import about

MODEL = Model("one", "ab", Transformer(np.eye(2), np.zeros((4, 2)), [], None, np.eye(2)), rule=reference.ab)
OF_NUMBERS = replace(
    MODEL, transformer=replace(MODEL.transformer, unembedding=np.ones((1, 2))), outputs=NUMBER, within=0.5
)
OTHERS: dict[str, Model] = {
    "name": replace(MODEL, name="two"),
    "vocab": replace(MODEL, vocab="ba"),
    "transformer": replace(MODEL, transformer=replace(MODEL.transformer, unembedding=np.eye(2)[::-1])),
    "rule": replace(MODEL, rule=reference.aab),
    "predictors": replace(MODEL, predictors=[str]),
    "source": replace(MODEL, source="a book"),
    "claims": replace(MODEL, claims=[Claim("so many", 2, repr, "counted")]),
    "deviations": replace(MODEL, deviations=[Deviation(reference.aab, ["a"], "why")]),
    "cycle": replace(MODEL, cycle=Cycle("ab", 4)),
    "margin": replace(MODEL, margin=1.0),
    "basis": replace(MODEL, basis=Basis(tok="ab")),
    "head_basis": replace(MODEL, head_basis=Basis(tok="ab")),
    "domain": replace(MODEL, domain=Domain.every("ab", 3)),
    "lemmas": replace(MODEL, lemmas=[Lemma("it is", bool)]),
    "answers": replace(MODEL, answers="every"),
    "outputs": replace(MODEL, outputs=("x", "y")),
    "within": replace(OF_NUMBERS, within=1.5),
    "accuracy": replace(MODEL, accuracy=0.5),
}


def test_every_field_has_another_value() -> None:
    assert OTHERS.keys() == {field.name for field in fields(Model)}


@pytest.mark.parametrize("name", OTHERS)
def test_every_field_tells_a_model_from_others(name: str, tmp_path: Path) -> None:
    of = OF_NUMBERS if name == "within" else MODEL
    assert about(replace(of)) == about(of) != about(OTHERS[name])
    Keep(tmp_path / "kept", of).close()
    with pytest.raises(ModelError, match=r"is of another \w+ \(.*\), but should be of .*, or another file"):
        Keep(tmp_path / "kept", OTHERS[name])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"margin": 1.0}, {"margin": 1e9}),
        ({"accuracy": 0.5}, {"accuracy": 0.25}),
        ({"cycle": Cycle("ab", 4)}, {"cycle": Cycle("ab", 3)}),
        ({"lemmas": [Lemma("it is", lambda model: True)]}, {"lemmas": [Lemma("it is", lambda model: False)]}),
        ({"claims": [Claim("n", 2, repr, "")]}, {"claims": [Claim("n", 3, repr, "")]}),
        ({"claims": [Claim("n", 2, repr, "")]}, {"claims": [Claim("n", 2, repr, "", 1)]}),
    ],
)
def test_what_is_stated_counts(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert about(replace(MODEL, **before)) != about(replace(MODEL, **after))


def box(predict: Callable[[Any], str] = min, **stated: Any) -> BlackBox:
    told: dict[str, Any] = {"n_ctx": 3, "rule": reference.ab} | stated
    return BlackBox("box", "ab", predict=predict, **told)


def test_a_black_box_is_told_from_others() -> None:
    others = [box(max), box(n_ctx=4), box(seconds=1), box(inside=[1]), box(metadata={"by": "me"}), box(generate=str)]
    others += [box(rule=reference.aab), box(predictors=[str]), box(domain=Domain.every("ab", 2))]
    assert about(box()) == about(box())
    assert len({about(box()), *map(about, others)}) == 1 + len(others)
    assert about(box(inside=object())) == ""  # nobody knows what that is
    itself: list[Any] = []
    itself.append(itself)
    assert about(box(inside=itself)) == ""


STATED = """
from dataclasses import replace
from properties.selftest.models import aab
from zoo import Cycle
MODEL = replace(aab.build(4), name=NAME, margin=MARGIN, cycle=Cycle("aab", 4))
"""


def test_what_several_models_state_is_not_taken_for_settled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "one.py", tmp_path / "two.py"]
    command = ["verify", *map(str, paths), "--keep", str(tmp_path / "kept")]
    for path in paths:
        path.write_text(STATED.replace("NAME", repr(path.stem)).replace("MARGIN", "1.0"))
    assert main(command) == 0
    paths[1].write_text(paths[1].read_text().replace("1.0", "1e9"))
    assert main(command) == 2
    assert "is of another claims (" in capsys.readouterr().err
    (tmp_path / "kept").unlink()
    assert main(command) == 1


def test_what_is_known_of_a_model_is_no_part_of_it() -> None:
    model = aab.build(4)
    before = about(model)
    assert (model.predict("ab"), model.names, model.scope.count()) == ("a", ("a", "b"), 30)
    assert about(model) == before
