"""A leaderboard's entry, as strangers write it, is a black box, or is refused in a sentence."""

import json
import re
from pathlib import Path

import pytest

import zoo
from properties.command.main import main
from properties.selftest.skipped import need
from zoo import BlackBox, ModelError

ENTRY = '''
"""An entry in numpy, as there are on leaderboards: least digit first, one column after another."""
import numpy as np


class Model:
    def __init__(self):
        self.read = np.array([1.0, 1.0, 1.0])
        self.tied = self.read


def build_model():
    metadata = {"name": "Ripple", "author": "A. Nobody", "params": 1, "tricks": ["tied", "a\\x1bcolour"]}
    return Model(), metadata


def add(model, a: int, b: int) -> int:
    carry, digits = 0, []
    for place in range(11):
        total = int(model.read @ np.array([a // 10**place % 10, b // 10**place % 10, carry]))
        carry = int(total > 9)
        digits.append(str(total - 10 * carry))
    return int("".join(reversed(digits)))
'''
TORCH = """
import torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.read = torch.nn.Parameter(torch.ones(3))


def build_model():
    return Model().eval(), {"name": "torch", "params": 0}


@torch.no_grad()
def add(model, a, b):
    carry, total = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    for place in range(11):
        column = model.read @ torch.stack([torch.tensor(float(n // 10**place % 10)) for n in (a, b)] + [carry])
        carry = (column > 9).float()
        total += (column - 10 * carry).long() * 10**place
    return total
"""


def written(folder: Path, text: str, name: str = "entry.py") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_an_entry_is_a_black_box_held_to_the_sum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, ENTRY)
    model = zoo.load_file(path)
    assert isinstance(model, BlackBox)
    assert (model.name, model.n_ctx, model.scope.count()) == ("entry", 22, 10**20)
    assert model.predict("0000000012+0000000034=") == 46
    assert main(["verify", path, "--tries", "300"]) == 1
    out = capsys.readouterr().out
    assert "? undecided  300 of ~2^66" in out
    assert "entry: rule undecided: none wrong in 300 of 10^20 contexts, drawn by its own generator with seed 0" in out
    assert "parameters: 3 in 1 array, 3 of them nonzero, 1 different" in out  # its author says 1
    assert "its author says: author: A. Nobody" in out
    assert "its author says: params: 1" in out
    assert "\x1b" not in out
    assert main(["verify", path, "--tries", "300", "--accept-sampled"]) == 0


def test_a_fault_that_uniform_pairs_miss_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A carry that is forgotten behind seven columns of nine, as too small an attention does it."""
    path = written(tmp_path, ENTRY.replace("carry = int(total > 9)", "carry = int(total > 9) * (place < 9 or a != 1)"))
    faulty = ENTRY.replace("carry, digits = 0, []", "carry, digits, chain = 0, [], 0").replace(
        "        digits.append", "        chain = chain + 1 if carry and total == 10 else 0\n        digits.append"
    )
    path = written(tmp_path, faulty.replace("int(total > 9)", "int(total > 9 and chain < 7)"))
    assert main(["verify", path, "--accept-sampled", "--tries", "2000"]) == 1
    out = capsys.readouterr().out
    assert "rule failed: " in out
    [line] = re.findall(r"reproduce: zoo (.*)", out)
    arguments = line.split()
    assert arguments[0] == "predict"
    context = arguments[-1]
    a, b = int(context[:10]), int(context[11:21])
    assert main(arguments) == 0
    says = capsys.readouterr().out.strip()
    assert int(says) != a + b
    assert f"after {context} it says {says}, permitted is {a + b}" in out
    assert len(str(a).strip("0")) == 1


def test_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("torch")
    path = written(tmp_path, TORCH)
    assert main(["verify", path, "--accept-sampled", "--tries", "100"]) == 0  # an integer tensor is a whole number
    assert "parameters: 3 in 1 array" in capsys.readouterr().out
    float_sum = TORCH.replace("return total", "return total.float()")
    assert main(["verify", written(tmp_path, float_sum), "--tries", "100"]) == 1
    assert "says tensor(0.), which should be a whole number" in capsys.readouterr().out


def test_weights_in_the_file_are_counted_where_the_model_holds_none(tmp_path: Path) -> None:
    text = ENTRY.replace("class Model:", "W = np.ones(3)\n\n\nclass Model:").replace("np.array([1.0, 1.0, 1.0])", "W")
    model = zoo.load_file(written(tmp_path, text.replace("return Model(), metadata", "return None, metadata")))
    assert isinstance(model, BlackBox)
    assert model.parameters is not None
    assert model.parameters.total == 3
    without = zoo.load_file(
        written(tmp_path, "def build_model():\n    return 7, {}\n\n\ndef add(model, a, b):\n    return 0\n")
    )
    assert isinstance(without, BlackBox)
    assert without.parameters is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "def build_model(): return 1\ndef add(model, a, b): return 0",
            "returns 1, but should return (model, meta",
        ),
        ("def build_model(): return 1, 2\ndef add(model, a, b): return 0", "returns (1, 2), but should return"),
        ("def build_model(): raise OSError('no\\nfile')\ndef add(m, a, b): return 0", "raises OSError: no file"),
        ("def build_model(): raise SystemExit\ndef add(m, a, b): return 0", "raises SystemExit"),
        ("def build_model(x): return 1, {}\ndef add(m, a, b): return 0", "raises TypeError"),
        (
            "def build_model(): return 1, {}",
            "defines no MODEL, but should set MODEL = Model(...) or define",
        ),
        ("add = build_model = 7", "defines no MODEL"),
    ],
)
def test_what_is_no_entry_is_refused_in_a_sentence(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ModelError, match=re.escape(sentence)):
        zoo.load_file(path)
    assert main(["verify", path]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1


def test_what_it_prints_does_not_get_into_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ENTRY.replace("    metadata = {", "    print('building')\n    metadata = {").replace(
        "    carry, digits", "    print('adding')\n    carry, digits"
    )
    main(["verify", written(tmp_path, text), "--json", "--tries", "5"])
    printed = capsys.readouterr()
    [model] = json.loads(printed.out)["models"]
    assert model["dtype"] is None
    assert model["black_box"]["metadata"]["author"] == "A. Nobody"
    assert model["black_box"]["parameters"] == {"arrays": 1, "total": 3, "nonzero": 3, "unique": 1}
    assert "building" in printed.err
    assert "adding" in printed.err


def test_a_file_with_both_is_what_model_says(tmp_path: Path) -> None:
    text = ENTRY + '\n\nimport zoo\n\nMODEL = zoo.BlackBox("mine", "ab", 3, lambda context: "a")\n'
    assert zoo.load_file(written(tmp_path, text)).name == "mine"
