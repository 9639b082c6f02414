"""What the arguments of the command refer to: models, and contexts that a model can read."""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace

from zoo import registry
from zoo.domain import laid_out
from zoo.errors import ContextError, ModelError
from zoo.model import NUMBER, Context, Model


def find(name: str, n_ctx: int | None = None) -> Model:
    """A model by its name, or the one in a file or directory if the name looks like a path."""
    if os.path.isdir(name) and name not in registry.names():
        from zoo import files  # what only some need is imported where it is used: the start-up stays quick

        return _at_its_own(name, files.read(name), n_ctx)
    if name.endswith((".npz", ".safetensors")):
        from zoo import compiling
        from zoo.files import attention_only

        alone = name.endswith(".safetensors") or (os.path.isfile(name) and attention_only.holds_one(name))
        return _at_its_own(name, attention_only.read(name) if alone else compiling.read(name), n_ctx)
    return (registry.load_file if name.endswith(".py") or "/" in name else registry.load)(name, n_ctx)


def _at_its_own(name: str, model: Model, n_ctx: int | None) -> Model:
    """What is read from arrays, which has one size. ModelError where another is asked for."""
    if n_ctx not in (None, model.n_ctx):
        raise ModelError(f"{name} holds arrays and no family: it exists at n_ctx {model.n_ctx} only")
    return model


def only_large(name: str) -> bool:
    """Whether a model of the zoo is published at its large size, which takes minutes."""
    return registry.large(name) == registry.load(name).n_ctx


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


def with_domain(model: Model, options: argparse.Namespace) -> Model:
    """The model in the domain that --domain, --let and --start state; as it is where they do not."""
    if options.domain is None:
        if options.let or options.start is not None:
            given = "--let" if options.let else "--start"
            raise ModelError(f"{given} is given without --domain, but should say more of the layout that stands there")
        return model
    if model.domain is not None:
        raise ModelError(f"{model.name} states a domain of its own, but should state none for --domain to be given")
    let: dict[str, Context] = {}
    for text in options.let:
        at = text.find("=", 1)  # the letter may be = itself
        if at < 0:
            raise ModelError(f"--let is {text!r}, but should be LETTER=TOKENS, as d=0123456789")
        if (letter := text[:at]) in let:
            raise ModelError(f"--let has {letter!r} twice, but should have each letter once")
        let[letter] = read_context(model, text[at + 1 :], f"what {letter!r} stands for")
    layout = read_context(model, options.domain, "the layout")
    return replace(model, domain=laid_out(layout, 1 if options.start is None else options.start, let))


def with_within(model: Model, within: float | None) -> Model:
    """The model with what --within states: by how much its numbers may be off."""
    if within is None:
        return model
    if model.outputs is not NUMBER:
        raise ModelError(f"{model.name} answers with names, but should with a number for --within to be given")
    return replace(model, within=within)


def read_context(model: Model, text: str, what: str = "the context") -> Context:
    return text if model.reads_strings else _words(text, what)


def read_tokens(text: str, what: str) -> Context:
    """Tokens of no model yet: characters, or where there are spaces or a list in JSON whole words."""
    return _words(text, what) if text.startswith("[") or " " in text.strip() else text


def _words(text: str, what: str) -> tuple[str, ...]:
    if text.startswith("["):  # tokens with spaces in them
        try:
            return tuple(json.loads(text))
        except (ValueError, RecursionError, TypeError):
            raise ContextError(
                f"{what} {repr(text)[:60]} should be a list of tokens in JSON, or tokens with spaces"
            ) from None
    return tuple(text.split())
