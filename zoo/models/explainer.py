"""A GPT-2-shaped model and one step of its training, worked through number by number. It has no rule, only figures."""

from dataclasses import replace

import numpy as np

from zoo import Attention, Claim, Mlp, Model, Norm, Transformer
from zoo.training.backward import gradients, loss, sgd_step
from zoo.training.byte_pair import END_OF_TEXT, BytePair
from zoo.transformer.arrays import Array

SOURCE = "GPT Explainer"
MEASURED = "measured from the source's arrays"
TOKENIZER = BytePair(
    tuple(" (),.abcdefghijlmnoprstuvwxyz\N{EN DASH}"),
    ((" ", "a"), ("a", "t"), ("i", "n"), (" ", "m"), ("i", "o")),
)
# The beginning of the two texts it was trained on: all that one step of training reads of them. The merges are stated.
BEGINNING = "linear algebra is "
IDS = (35, 15, 32, 9, 5, 20, 30, 15, 11, 9, 6, 20, 5, 0, 13, 21, 0)
TOKENS, TARGETS = np.array(IDS[:-1]).reshape(2, 8), np.array(IDS[1:]).reshape(2, 8)
RATE = 1.0
# The Mlp's biases were random and are not stated; these are recovered from the activations that the source prints.
B_IN = (
    *(-0.1691, -0.3503, -0.0837, -0.4492, -0.3642, -0.4271, 0.1511, -0.2551),
    *(0.0008, 0.4868, -0.2436, -0.4188, 0.3045, 0.4944, -0.4648, -0.2371),
)
B_OUT = (0.2019, -0.1857, -0.1312, 0.1118)


def ramp(rows: int) -> Array:
    """The embeddings: 0.01, 0.02 ... along and across, [rows, 4]."""
    return 0.01 * (1 + np.arange(rows)[:, None] + np.arange(4))


def pyramid(d_in: int, d_out: int) -> Array:
    """The linear maps: 0.001 (r c + r (r - 1) / 2 from the second input on), r and c from 1; [d_in, d_out]."""
    c, r = np.arange(1, d_in + 1)[:, None], np.arange(1, d_out + 1)
    return 0.001 * (r * c + (c >= 2) * r * (r - 1) / 2)


def transformer(b_in: Array, b_out: Array) -> Transformer:
    """vocab 36, n_ctx 8, d_model 4, 2 heads of width 2, d_mlp 16, tied."""
    q, k, v = (part.reshape(4, 2, 2).swapaxes(0, 1) for part in np.split(pyramid(4, 12), 3, axis=1))  # [head, 4, 2]
    norm = Norm(weight=np.ones(4), bias=np.zeros(4), eps=1e-5)
    zeros = np.zeros((2, 2))
    attention = Attention(
        *(q, k, v, pyramid(4, 4).reshape(2, 2, 4)), b_q=zeros, b_k=zeros, b_v=zeros, b_o=np.zeros(4), norm=norm
    )
    mlp = Mlp(pyramid(4, 16), b_in, pyramid(16, 4), b_out, "gelu", norm)
    return Transformer(ramp(36), ramp(8), [attention, mlp], final_norm=norm)


def encoded(text: str) -> tuple[int, ...]:
    """The numbers of a text's tokens, after that of the token which stands between texts."""
    return (TOKENIZER.vocab.index(END_OF_TEXT), *TOKENIZER.encode(text, end=False))


def before(model: Model) -> float:
    return loss(model.transformer, TOKENS, TARGETS)


def after(model: Model) -> float:
    """The loss of the same tokens after one step."""
    return loss(sgd_step(model.transformer, TOKENS, TARGETS, RATE), TOKENS, TARGETS)


def without_biases(model: Model) -> Model:
    """The same with zeros for the biases that the source does not state."""
    zeros = {("layer 1", "b_in"): np.zeros(16), ("layer 1", "b_out"): np.zeros(4)}
    return replace(model, transformer=model.transformer.with_arrays(zeros))


def biased(seed: int) -> Transformer:
    """The same with other random biases, in the range from which a library draws them."""
    random = np.random.default_rng(seed)
    return transformer(random.uniform(-0.5, 0.5, 16), random.uniform(-0.25, 0.25, 4))


def ten_losses() -> list[float]:
    """Of ten draws of biases, the losses that differ in six digits."""
    return sorted({round(loss(biased(seed), TOKENS, TARGETS), 6) for seed in range(10)})


def after_two(model: Model) -> float:
    """The loss after a step that moves the tied embedding twice, as embedding and again as unembedding."""
    found = gradients(model.transformer, TOKENS, TARGETS)[1]
    rates = {("transformer", "token_embedding"): 2 * RATE}
    moved = {n: array - rates.get(n, RATE) * found[n] for n, array in model.transformer.named_arrays().items()}
    return loss(model.transformer.with_arrays(moved), TOKENS, TARGETS)


def in_float32(model: Model) -> Model:
    return replace(model, transformer=model.transformer.astype(np.float32))


def gradient(model: Model, name: str) -> list[float]:
    """The gradient of an array of the final Norm, to the four digits that the source prints."""
    found = gradients(model.transformer, TOKENS, TARGETS)[1]["final norm", name]
    return [round(float(x), 4) for x in found]


def moved(model: Model) -> list[str]:
    """The arrays whose gradient is more than rounding: by symmetry, all others are zero."""
    found = gradients(model.transformer, TOKENS, TARGETS)[1]
    return [" ".join(name) for name, d in found.items() if np.abs(d).max() > 1e-9]


STEP = "loss after one step"
BIAS_GRADIENT, WEIGHT_GRADIENT = [0.0431, 0.0431, 0.0431, 0.0431], [0.0410, -0.0540, -0.0306, 0.0436]
MOVED = ["transformer token_embedding", "final norm weight", "final norm bias"]
CLAIMS = (
    Claim(f"tokens of {END_OF_TEXT}{BEGINNING}", IDS, lambda m: encoded(BEGINNING), SOURCE),
    Claim("tokens it can tell apart", 36, lambda m: len(TOKENIZER.vocab), SOURCE),
    Claim("loss", 3.5835, lambda m: round(before(in_float32(m)), 4), f"{SOURCE}, in float32 as there"),
    Claim("loss, which is ln 36", 3.583519, lambda m: round(before(m), 6), MEASURED),
    Claim("loss with biases of zero", 3.583519, lambda m: round(before(without_biases(m)), 6), MEASURED),
    Claim("loss with ten random draws of them", [3.583519], lambda m: ten_losses(), MEASURED),
    Claim("gradient of the final Norm's bias", BIAS_GRADIENT, lambda m: gradient(m, "bias"), SOURCE),
    Claim("gradient of the final Norm's weight", WEIGHT_GRADIENT, lambda m: gradient(m, "weight"), SOURCE),
    Claim("gradients that are not zero", MOVED, moved, MEASURED),
    Claim(STEP, 3.2931, lambda m: round(after(in_float32(m)), 4), f"{SOURCE}, in float32 as there"),
    Claim("improvement", 0.2904, lambda m: round(before(m) - after(m), 4), SOURCE),
    # Of the recovered biases as they stand here: they have four digits, which moves the sixth digit of the loss.
    Claim(STEP, 3.293075878, after, MEASURED, within=1e-9),
    Claim(f"{STEP} that moves the tied embedding twice", 3.0577, lambda m: round(after_two(m), 4), MEASURED),
    Claim(f"{STEP} with biases of zero", 3.343253402, lambda m: after(without_biases(m)), MEASURED, within=1e-9),
)
MODEL = Model(
    name="explainer",
    vocab=[token.replace(" ", "Ġ") for token in TOKENIZER.vocab],  # as in GPT-2's own vocabulary
    transformer=transformer(np.array(B_IN), np.array(B_OUT)),
    source=SOURCE,
    claims=CLAIMS,
)
