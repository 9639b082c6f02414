"""Certificates: what a proof found, written down so that `properties.recheck` can confirm it without the prover."""

import hashlib
import inspect
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from properties.proof.judges import stated
from properties.proof.search import BEYOND, Proof, prove_answers
from properties.proof.splits import Splits
from reference import Fold
from zoo.domain import as_data
from zoo.errors import FailingError, ModelError, RuleError
from zoo.model import NUMBER, Model
from zoo.rule import Function
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.writing import check_room, write_whole

FORMAT = 2
LESS = 1e-6  # by so much of itself the margin that is stated is below the one that was found


def certify(
    model: Model, function: Function, proof: Proof | None = None, **options: Any
) -> tuple[Proof, dict[str, Any] | None]:
    """Proves a model right by a rule or predictor, and returns the certificate, or None where it is not right.

    Nor is there one where the function determines nothing in any context.
    `options` are those of `prove_answers`; `proof` is one that was made before, and whose splits were kept. The
    certificate is plain JSON data: the dtype, digests of the arrays and of the file that defines the function, a
    margin, and the splits: see docs/json.md. Where the model states a domain, that is in there, and where it has
    lemmas, their sentences. FailingError where a lemma does not hold, ModelError where a subclass computes otherwise.
    """
    if not model.weights_decide:
        raise ModelError(
            f"{model.name} has a forward pass of its own, but should have that of its weights to be proved"
        )
    for lemma in model.lemmas:
        if not lemma.holds(model):
            raise FailingError(f"{model.name}: the lemma {lemma.text!r} is false, but should hold to be certified")
    if proof is None:
        splits = Splits(model.vocab, model.scope, model.names)
        # One wrong context is enough for there to be none.
        told: dict[str, Any] = {"first": True, "settled": splits.add, "domain": model.domain}
        told |= {"names": model.names, "within": model.within, "every": model.answers == "every"}
        proof = replace(prove_answers(model.transformer, model.vocab, function, **told, **options), splits=splits)
    assert proof.splits is not None
    if proof.status != "holds" or not proof.contexts:  # where nothing is determined, nothing is proved
        return proof, None
    return proof, {
        "format": FORMAT,
        "model": model.name,
        "vocab": list(model.vocab),
        "n_ctx": model.n_ctx,
        "dtype": str(model.transformer.dtype),
        "arrays": digest(model.transformer),
        "function": {"name": name_of(function), "source": source_digest(function)},
        "versions": {name: version(name) for name in ("handmade-zoo", "numpy")} | {"python": platform.python_version()},
        "margin": rounded_down(proof.margin),
        **_of_answers(model),
        **_of_domain(model),
        **proof.splits.as_data(),
    }


def rounded_down(margin: float) -> float:
    """To seven digits and a little below, so that it is short, and another bound than the prover's confirms it.

    It is a finite number also where every logit that is right was seen to be infinite.
    """
    margin = min(margin, sys.float_info.max)
    less = Decimal(margin) * (1 - Decimal(LESS))
    return float(less.quantize(Decimal((0, (1,), less.adjusted() - 6)), ROUND_FLOOR))


def _of_answers(model: Model) -> dict[str, Any]:
    """What it answers, and where, but for tokens after the last position."""
    stated: dict[str, Any] = {}
    if model.outputs is not None:
        stated["outputs"] = "number" if model.outputs is NUMBER else list(model.names)
    if model.within is not None:
        stated["within"] = model.within
    if model.answers != "last":
        stated["answers"] = model.answers
    return stated


def _of_domain(model: Model) -> dict[str, Any]:
    """The domain where one is stated, and the lemmas, all of which hold."""
    stated: dict[str, Any] = {}
    if model.domain is not None:
        stated["domain"] = as_data(model.domain)
    if model.lemmas:
        stated["lemmas"] = [lemma.text for lemma in model.lemmas]
    return stated


def why_none(model: Model, proof: Proof) -> str:
    """Why there is no certificate, in a sentence."""
    if proof.status == "undecided" and proof.widest != BEYOND:
        return (
            f"{model.name} was not settled in the time allowed, and there is no certificate: left open is, for one, "
            f"{proof.widest}"
        )
    return f"{model.name} was not proved right, and there is no certificate"


def function_of(model: Model) -> Function:
    """What a model is certified by: a predictor, which answers every context, or else its rule."""
    function = stated(model)
    if function is None:
        raise ModelError(f"{model.name} has neither predictor nor rule, but should have one to be certified")
    return function


def named_function(model: Model, certificate: dict[str, Any]) -> Function:
    """The rule or predictor of the model that a certificate names; where it names none, `function_of`."""
    named = certificate.get("function")
    name = named.get("name") if isinstance(named, dict) else None
    functions = [function for function in (*model.predictors, model.rule) if function is not None]
    return next((function for function in functions if name_of(function) == name), function_of(model))


def name_of(function: Function) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def check_path(path: str | Path) -> None:
    """ModelError where no file can be written: better before a proof than after it."""
    path, why = Path(path), ""
    try:
        if path.exists() and not path.is_file():
            why = "it is a directory" if path.is_dir() else "it is a device"
        elif not path.parent.is_dir():
            why = f"there is no directory {path.parent}"
        else:
            check_room(path)
    except OSError as error:
        why = str(error.strerror)
    if why:
        raise ModelError(f"{path} cannot be written: {why}")


def write(certificate: dict[str, Any], path: str | Path) -> None:
    """ModelError where it cannot be written; a file is written whole or not at all."""
    path = Path(path)
    try:
        write_whole(path, json.dumps(certificate, separators=(",", ":")) + "\n")
    except (OSError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is nested too deeply"
        raise ModelError(f"{path} cannot be written: {why}") from error


def read(path: str | Path) -> dict[str, Any]:
    """The certificate in a file; ModelError where that is no JSON object."""
    path = Path(path)
    try:
        if path.is_char_device() or path.is_block_device():
            raise OSError("it is a device")  # which may have no end
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read, but should be a certificate in JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is no certificate, but should be a JSON object")
    return content


def digest(transformer: Transformer) -> str:
    """sha256 of all that the forward pass reads: every array with its name, shape and dtype, and every setting."""
    sha = hashlib.sha256()
    for where, part in transformer.parts():
        settings: tuple[Any, ...] = ()
        if isinstance(part, Attention):
            settings = (part.causal, part.multiplier)
        elif isinstance(part, Mlp):
            settings = (part.activation,)
        elif isinstance(part, Norm):
            settings = (float(part.eps),)
        elif not isinstance(part, Transformer):  # its settings, if it has any, would be left out
            raise NotImplementedError(f"a {type(part).__name__} is not handled here, but should be, as a kind of part")
        sha.update(f"{where} {type(part).__name__} {settings}\n".encode())
        for name, array in part.arrays():
            sha.update(f"{name} {array.shape} {array.dtype.str}\n".encode())
            sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def source_digest(function: Callable[..., Any]) -> str:
    """sha256 of the source file that defines a function, of a fold its step: it may call others in there."""
    function = function.step if type(function) is Fold else function
    try:
        file = inspect.getsourcefile(function if inspect.isroutine(function) else type(function))
    except TypeError:  # built in
        file = None
    if file is None or not Path(file).is_file():
        raise RuleError(f"{function!r} has no source file, but should be defined in one to be certified")
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
