"""Models with a domain, for the tests of whatever goes over contexts."""

import numpy as np

from zoo import Attention, Domain, Model, Transformer
from zoo.model import Context, Lemma

# The adder, as a model file of its own.
ADDER = """
import numpy as np

from zoo import Attention, Domain, Mlp, Model, Transformer


def rule(context):
    return {str((int(context[0]) + int(context[2])) % 2)}


tokens = np.eye(4, 6)  # direction 1 is a one, 3 is "="
ones = Attention(np.zeros((1, 6, 1)), np.zeros((1, 6, 1)), [4 * np.eye(6)[:, 1:2]], [np.eye(6)[4:5]], scale=1)
w_in = np.zeros((6, 2))
w_in[4] = 1
odd = Mlp(w_in, np.array([0.0, -1.0]), [np.eye(6)[5], -2 * np.eye(6)[5]], np.zeros(6), "relu")
unembedding = np.array([10, 0, -30, -30])[:, None] * np.eye(6)[3] + np.array([0, 20, 0, 0])[:, None] * np.eye(6)[5]
transformer = Transformer(tokens, np.zeros((N_CTX, 6)), [ones, odd], unembedding=unembedding)
MODEL = Model("adder", "01+=", transformer, rule=rule, margin=10)
"""
LAYOUT = Domain.layout("d+d=", start=4, d="01")


def text(domain: str = "", n_ctx: int = 4) -> str:
    """The file of the adder; with a `domain`, as in `Domain.layout(...)`, where that is stated in it."""
    stated = f", domain={domain})" if domain else ")"
    return ADDER.replace("N_CTX", str(n_ctx)).replace("margin=10)", f"margin=10{stated}")


def adder(domain: Domain | None = LAYOUT, n_ctx: int = 4) -> Model:
    """Right in the layout "d+d=", and wrong in most other contexts: the sum of two bits, without a carry."""
    namespace: dict[str, object] = {}
    exec(text(n_ctx=n_ctx), namespace)
    transformer = namespace["transformer"]
    assert isinstance(transformer, Transformer)
    few = Lemma("its contexts are four", lambda model: model.scope.count() == 4)
    return Model("adder", "01+=", transformer, rule=bits_added, margin=10, domain=domain, lemmas=[few])


def bits_added(context: Context) -> set[str]:
    return {str((int(context[0]) + int(context[2])) % 2)}


def words() -> Model:
    """Says the token again that follows the one that is always first; tokens are words, lengths are 2 to 4."""
    vocab, n_ctx, d = ("<s>", "one", "two"), 4, 7
    ask, offer = np.ones((d, 1)), 40 * np.eye(d)[:, 4:5]  # all ask for position 1
    reads = Attention(ask[None], offer[None], np.eye(d, 3)[None], 9 * np.eye(3, d)[None], scale=1)
    transformer = Transformer(np.eye(3, d), np.eye(n_ctx, d, k=3), [reads])
    domain = Domain.layout(["<s>", "w", "w", "w"], start=2, w=("one", "two"))
    return Model("words", vocab, transformer, rule=lambda context: {context[1]}, domain=domain)
