"""What the arguments of the command refer to: models, and contexts that a model can read."""

import argparse
import json
import os
from collections.abc import Sequence

from zoo import registry
from zoo.errors import ContextError, ModelError
from zoo.model import Context, Model


def find(name: str, n_ctx: int | None = None) -> Model:
    """A model by its name, or the one in a file or directory if the name looks like a path."""
    if os.path.isdir(name) and name not in registry.names():
        from zoo import files  # what only some need is imported where it is used: the start-up stays quick

        if n_ctx is not None:
            raise ModelError(f"{name} is a directory and no family: it exists at its own n_ctx only")
        return files.read(name)
    return (registry.load_file if name.endswith(".py") or "/" in name else registry.load)(name, n_ctx)


def find_as(options: argparse.Namespace) -> Model:
    """The one model named, at the n_ctx and in the arithmetic that the options ask for."""
    model = find(options.name, options.n_ctx)
    return model if options.dtype is None else model.astype(options.dtype)


def find_all(names: Sequence[str], n_ctx: int | None = None) -> list[tuple[str, Model]]:
    """Models with what they were asked for by; two that have the same name cannot be told apart in a table."""
    found = [(name, find(name, n_ctx)) for name in names or registry.names()]
    for i, (target, model) in enumerate(found):
        for other, earlier in found[:i]:
            if earlier.name == model.name:
                raise ModelError(f"{target} repeats the name {model.name!r} of {other}, but should have its own")
    return found


def read_context(model: Model, text: str) -> Context:
    if model.reads_strings:
        return text
    if text.startswith("["):  # tokens with spaces in them
        try:
            return tuple(json.loads(text))
        except (ValueError, RecursionError, TypeError):
            raise ContextError(
                f"the context {repr(text)[:60]} should be a list of tokens in JSON, or tokens with spaces"
            ) from None
    return tuple(text.split())
