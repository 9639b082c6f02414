"""In which floating-point types a model keeps its answers: float64, float32, bfloat16, float16, run on every context.

numpy has no bfloat16, so it is imitated: float32 arrays whose every result is rounded to the 8 bits of bfloat16, sums
being accumulated in float32, as matrix units do.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from properties.checks.right import answers, changed, judging, margins, questions
from properties.checks.running import answer_logits
from properties.checks.settle import sweep
from zoo.contexts import counted, written
from zoo.errors import ModelError
from zoo.files.tensors import to_bfloat16
from zoo.model import Model
from zoo.transformer import Transformer
from zoo.transformer.arrays import Array, Emulated

TYPES = ("float64", "float32", "bfloat16", "float16")


class Bfloat16(Emulated):
    """A float32 array that rounds the result of every operation to bfloat16."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, Bfloat16) else x for x in inputs]
        out = (options.pop("out", None) or (None,))[0]
        result = getattr(ufunc, method)(*plain, **options)
        if isinstance(result, np.ndarray) and result.dtype == np.float32:
            result = rounded(result)
        if out is None:
            return result
        out[...] = result
        return out


def rounded(array: Array) -> Array:
    """To the nearest bfloat16: [...] float32 -> [...] Bfloat16."""
    return to_bfloat16(array).view(Bfloat16)


def in_type(transformer: Transformer, name: str) -> Transformer:
    """The transformer in one of TYPES. ModelError where a weight is too large for it."""
    if name != "bfloat16":
        with np.errstate(over="ignore"):
            return transformer.astype(name)
    single = transformer.astype(np.float32)
    return single.with_arrays({array_name: rounded(array) for array_name, array in single.named_arrays().items()})


def survives(model: Model) -> Iterator[tuple[str, bool, str]]:
    """For each of TYPES: whether rule and predictors hold in it, and what was seen, in words.

    Where neither is stated, whether every context gets the model's own answer.
    """
    stated = bool(questions(model))
    for name in TYPES:
        try:
            other = replace(model, transformer=in_type(model.transformer, name))
        except ModelError as error:
            yield name, False, f"the weights do not fit: {error}"
            continue
        method, batches = sweep(model)
        seen, different, others = 0, 0, 0
        first = ""
        with judging(model, method == "enumerated") as permitted:
            for tokens in batches:
                logits, number = answer_logits(other, tokens), answers(model, tokens.shape[1])
                new = changed(model, answer_logits(model, tokens), logits)  # a tie that is kept is the same answer
                lost = ~(margins(model, logits, permitted(tokens)) > 0) if stated else new
                wrong = np.flatnonzero(lost.reshape(len(tokens), number).any(axis=1))
                others += int(new.reshape(len(tokens), number).any(axis=1).sum())
                if len(wrong) and not different:
                    first = written(model.decode(tokens[wrong[0]]))
                seen, different = seen + len(tokens), different + len(wrong)
        extent = f"{'all' if method == 'enumerated' else 'a sample of'} {counted(seen)} contexts"
        how = "are wrong" if stated else "differ"
        if different:
            extent = f"{different} of {extent} {how}, first {first}"
        elif others:  # among what is permitted, or where nothing is judged
            extent += f" but {others}, where another loses nothing stated"
        yield name, not different, extent
