"""What is printed of a model that was exported or compiled."""

import numpy as np

from properties.checks.right import OWN
from properties.report.console import console
from properties.robustness.export import LARGEST, Export
from zoo.contexts import counted
from zoo.digits import at_least
from zoo.model import Model


def told(export: Export, where: str) -> None:
    """Prints how many answers are the model's own, and the smallest margins.

    A margin is by how much what is permitted wins in what was read, in the arithmetic of that type, where least.
    """
    out, model, transformer = console(), export.model, export.read.transformer
    size = f"n_ctx {export.read.n_ctx}, d_model {transformer.d_model}, {transformer.dtype}"
    vocab = " ".join(model.vocab) if len(model.vocab) <= 100 else f"of {len(model.vocab)} tokens"
    out.print(f"{where}: {model.name}, {size}, vocabulary {vocab}")
    sampled = ", a sample: they are too many to run all" if export.sampled else ""
    seen = f"{export.alike} of {counted(export.contexts)} contexts"
    least = "nothing is judged" if np.isposinf(export.margin) else f"smallest margin {at_least(export.margin)}"
    least += "" if export.stated else f" {OWN}"
    out.print(f"answers alike in {seen}, {least}{sampled}")
    if not export.stated and model.margin is None and not export.margin > 0:
        out.print("no answer is stated of it: where logits are equal but for rounding, so is the comparison")
    elif export.open:
        out.print(f"{export.open} other answers lose nothing stated: they are permitted, or equal but for rounding")
    for name, margin in export.margins:
        if margin is None:
            out.print(f"not for {name}, which ends at {LARGEST[name]:.6g}: some weights are larger")
        elif not np.isposinf(margin):
            said = f"margin in {name} {at_least(margin)}"
            out.print(f"not for {name}: logits overflow" if np.isnan(margin) else said)


def compiled(model: Model, where: str) -> None:
    """Prints what was made, and how large it is."""
    transformer = model.transformer
    nonzero = sum(int(np.count_nonzero(array)) for array in transformer.named_arrays().values())
    console().print(
        f"{where}: {model.source}: {nonzero} parameters that are not zero, d_model {transformer.d_model}, "
        f"n_ctx {model.n_ctx}"
    )
