"""Models in files, and what the command says of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties.command.main import main
from properties.selftest.models import aab, ab
from zoo import Model, Transformer

LARGE_THREE = Path(aab.__file__).read_text().replace("LARGE = 1024\n", "LARGE = 3\n")
# After a the logits are 1 and 1.00000001: in float32 a tie.
CLOSE = """
import numpy as np
from zoo import Model, Transformer

def rule(context):
    return {"b" if context[-1] == "a" else "a"}

U = np.array([[1, 1], [1.00000001, 0]])
MODEL = Model("close", "ab", Transformer(np.eye(2), np.zeros((N, 2)), [], unembedding=U), rule=rule)
"""
# It says what came last, where it should say what came first.
LAST = """
import numpy as np
from zoo import Model, Transformer

TOKENS = VOCAB
MODEL = Model("last", TOKENS, Transformer(np.eye(len(TOKENS)), np.zeros((3, len(TOKENS))), []), rule=lambda c: {c[0]})
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert main([str(argument) for argument in arguments]) == status
    return capsys.readouterr().out


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def close(n_ctx: int = 5) -> Model:
    unembedding = np.array([[1, 1], [1.00000001, 0]])
    return replace(ab.build(n_ctx), transformer=replace(ab.build(n_ctx).transformer, unembedding=unembedding))


def words(**changes: Any) -> Model:
    """It repeats the last of three tokens, of which one has a space."""
    transformer = Transformer(np.eye(3), np.zeros((3, 3)), [])
    return Model("words", ["x1", "b c", "d"], transformer, rule=lambda c: {c[-1]}, **changes)
