"""Fitting a small model: random weights, examples from a rule or a text, and Adam in a few lines."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from zoo import progress
from zoo.errors import ContextError, ModelError, RuleError
from zoo.model import Context, Model, Rule
from zoo.rule import TRAINING, Asked
from zoo.rule.watch import watching
from zoo.training.backward import check_targets, gradients
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

Row = tuple[list[int], list[int]]  # tokens and targets of one example
Examples = tuple[Array, Array]  # tokens and targets, int [examples, seq]; a target of -1 is not counted


def untrained(
    vocab: int,
    n_ctx: int,
    d_model: int,
    heads: int = 1,
    layers: int = 1,
    d_mlp: int = 0,
    norm: bool = False,
    seed: int = 0,
) -> Transformer:
    """GPT-2's shape with small random weights, tied; without Mlps if d_mlp is 0."""
    random, d_head = np.random.default_rng(seed), -(-d_model // heads)

    def small(*shape: int) -> Array:
        return random.normal(scale=1 / np.sqrt(d_model), size=shape)

    def norm_or_none() -> Norm | None:
        return Norm(np.ones(d_model), np.zeros(d_model), 1e-5) if norm else None

    stack: list[Attention | Mlp] = []
    for _ in range(layers):
        q, k, v = (small(heads, d_model, d_head) for _ in range(3))
        zeros = np.zeros((heads, d_head))
        o, b_o = small(heads, d_head, d_model), np.zeros(d_model)
        stack.append(Attention(q, k, v, o, zeros, zeros, zeros, b_o, norm=norm_or_none()))
        if d_mlp:
            w_in, w_out = small(d_model, d_mlp), small(d_mlp, d_model)
            stack.append(Mlp(w_in, np.zeros(d_mlp), w_out, np.zeros(d_model), "gelu", norm_or_none()))
    return Transformer(small(vocab, d_model), small(n_ctx, d_model), stack, norm_or_none())


def from_text(model: Model, text: str) -> Examples:
    """Every window of n_ctx tokens of a text, once, each position with the token that follows it there.

    Raises ContextError for a text of other tokens, or of fewer than n_ctx + 1.
    """
    if len(text) <= model.n_ctx:
        raise ContextError(f"the text has {len(text)} tokens, but should have more than n_ctx, {model.n_ctx}")
    numbers = np.concatenate([model.encode(token) for token in text])
    windows = np.lib.stride_tricks.sliding_window_view(numbers, model.n_ctx + 1)
    distinct = np.unique(windows, axis=0)
    return distinct[:, :-1], distinct[:, 1:]


def from_rule(model: Model, rule: Rule, contexts: Iterable[Context]) -> Examples:
    """Contexts with the answer at their last position, where the rule permits only one. RuleError if it never does.

    They are filled up to n_ctx with tokens that come later, and so are not seen: every attention must have its mask.
    Raises RuleError too for a rule that raises or permits what is no token, ContextError for a context that the model
    cannot read whole.
    """
    with watching(Asked(rule, model.vocab, "rule", TRAINING)) as permitted:
        rows = [row for context in contexts for row in _row(model, context, permitted)]
    if not rows:
        raise RuleError("the rule determines no answer, but should determine some to train on")
    return np.array([tokens for tokens, _ in rows]), np.array([targets for _, targets in rows])


def _row(model: Model, context: Context, permitted: Callable[[Context], frozenset[str]]) -> Iterator[Row]:
    numbers = model.encode(context).tolist()
    if len(context) > model.n_ctx:
        raise ContextError(f"the context {context!r} should have at most n_ctx, {model.n_ctx}, tokens")
    answers = permitted(context)
    if len(answers) == 1:
        tokens, targets = [0] * model.n_ctx, [-1] * model.n_ctx
        tokens[: len(numbers)] = numbers
        targets[len(numbers) - 1] = model.vocab.index(next(iter(answers)))
        yield tokens, targets


def fit(
    transformer: Transformer, examples: Examples, steps: int, rate: float = 0.01, batch: int = 64, seed: int = 0
) -> Transformer:
    """The transformer after so many steps of Adam, each on examples drawn at random; a bar shows how far it is.

    Raises ContextError for tokens or targets that are none, ModelError for options that are no numbers.
    """
    for option, value, least in (("steps", steps, 0), ("batch", batch, 1), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or value < least:
            raise ModelError(f"{option} is {value!r}, but should be a whole number from {least} on")
    if not isinstance(rate, int | float | np.floating) or not np.isfinite(rate):
        raise ModelError(f"rate is {rate!r}, but should be a finite number")
    random = np.random.default_rng(seed)
    tokens, targets = map(np.asarray, examples)
    check_targets(transformer, tokens, targets)
    mean, square = ({name: np.zeros_like(a) for name, a in transformer.named_arrays().items()} for _ in range(2))
    for step in progress.steps(range(1, steps + 1), "training"):
        chosen = random.integers(len(tokens), size=min(batch, len(tokens)))
        moved = transformer.named_arrays()
        for name, d in gradients(transformer, tokens[chosen], targets[chosen])[1].items():
            mean[name] = 0.9 * mean[name] + 0.1 * d
            square[name] = 0.999 * square[name] + 0.001 * d * d
            slope = mean[name] / (1 - 0.9**step) / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
            moved[name] = moved[name] - rate * slope
        transformer = transformer.with_arrays(moved)
    return transformer
