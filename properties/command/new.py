"""`zoo new`: a model to start from, with its rule and a test."""

import argparse
import keyword
import os
from importlib.util import find_spec
from pathlib import Path

from properties.command.arguments import Commands, command
from zoo.errors import ModelError
from zoo.writing import write_whole

MODEL = '''\
"""{name}: at each length, the first token again. Run `zoo verify {name}.py`, then change rule and weights."""

from zoo import Attention, Basis, Model, Transformer, attend, move

N_CTX, VOCAB = 4, "xyz"


def rule(context):
    """What may come next: a set of tokens. The context has 1 to N_CTX of them; an empty set asks for nothing."""
    return {{context[0]}}


# The residual stream has a direction for each position and each token, and each has a name.
basis = Basis(pos=N_CTX, tok=VOCAB)

attention = Attention(
    # Where a head looks: at position 0, so much louder than elsewhere. Others: attend.previous, attend.alike.
    *attend.position(basis["pos"], 0, loud=20),
    # What is taken from there, and where it is written to: the token, nine times as loud as the one that is here.
    w_v=move(basis["tok"], basis["tok"]),
    w_o=9 * move(basis["tok"], basis["tok"]),
    scale=1,
)

MODEL = Model(
    name="{name}",
    vocab=VOCAB,
    # Embeddings of tokens and positions, the layers, and (tied here) the token embedding again to read logits out.
    transformer=Transformer(basis["tok"], basis["pos"], [attention]),
    rule=rule,
    margin=7,  # by how much what is permitted wins, at least
    basis=basis,  # so that `zoo show {name}.py xyz` reads as sentences
    head_basis=basis,
)
'''
TEST = '''\
"""Each check of {name} is a test: run `pytest`."""

from {name} import MODEL
from properties import parametrize_with_checks


@parametrize_with_checks(MODEL)
def test_{name}(model, check):
    check(model)
'''
WRITTEN = """\
{name}.py, a model that holds, and test_{name}.py are written. What to do next:
    zoo verify {name}.py      does it do what its rule says, in every context?
    zoo show {name}.py xyz    its weights as sentences, and how it reads xyz
    pytest test_{name}.py     the same checks as tests, where pytest is installed
"""


def add(commands: Commands) -> None:
    one = command(commands, "new", new, "Write a model to start from, NAME.py, and its test, test_NAME.py.")
    one.add_argument("name", metavar="NAME", help="a word, as Python's names are")


def new(options: argparse.Namespace) -> int:
    name = options.name
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise ModelError(f"the model is to be called {name!r}, but should have a name as Python's are, as my_model")
    texts = {Path(f"{name}.py"): MODEL, Path(f"test_{name}.py"): TEST}
    for path in texts:
        if os.path.lexists(path):
            raise ModelError(f"{path} is there already, but should be a new file")
    if find_spec(name) is not None:
        raise ModelError(f"the model is to be called {name!r}, but should have a name that no module has")
    for path, text in texts.items():
        try:
            write_whole(path, text.format(name=name))
        except OSError as error:
            raise ModelError(f"{path} cannot be written: {error.strerror}") from error
    print(WRITTEN.format(name=name), end="")
    return 0
