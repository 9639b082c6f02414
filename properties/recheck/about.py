"""What a certificate is about: these arrays, this function, this domain. Nothing in there is trusted."""

import hashlib
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np

from reference import Fold
from zoo.errors import CertificateError, MismatchError
from zoo.model import NUMBER, Model
from zoo.transformer import Attention, Mlp, Norm, Transformer


def about(certificate: dict[str, Any], model: Model, function: Callable[[Any], Any]) -> Transformer:
    """The model's transformer in the certificate's dtype; MismatchError where that is about something else."""
    must(isinstance(certificate, dict), f"the certificate is {shortly(certificate)}, but should be an object")
    if certificate.get("format") == 1:
        raise MismatchError("the certificate's format is 1, which is no longer read: it should be 2, written anew")
    _same("format", certificate.get("format"), 2)
    dtype = certificate.get("dtype")
    if dtype not in ("float64", "float32"):
        raise MismatchError(f"the certificate's dtype is {shortly(dtype)}, but should be float64 or float32")
    with np.errstate(over="ignore"):  # what is inf then, the transformer refuses
        transformer = model.transformer.astype(dtype)
    must(not transformer.emulated, "the arrays are of an emulated type, but should be numpy's own to be confirmed")
    _same("vocabulary", certificate.get("vocab"), list(model.vocab))
    _same("outputs", certificate.get("outputs"), _outputs(model))
    _same("within", certificate.get("within"), model.within)
    _same("answers", certificate.get("answers", "last"), model.answers)
    _same("n_ctx", certificate.get("n_ctx"), transformer.n_ctx)
    _same("digest of the arrays", certificate.get("arrays"), _digest(transformer))
    named = certificate.get("function")
    named = named if isinstance(named, dict) else {}
    _same("function", named.get("name"), getattr(function, "__name__", type(function).__name__))
    _same("digest of the function's source", named.get("source"), _source(function))
    _same("domain", certificate.get("domain"), _domain(model))
    _same("lemmas", certificate.get("lemmas", []), [lemma.text for lemma in model.lemmas])
    for lemma in model.lemmas:
        must(lemma.holds(model), f"the lemma {lemma.text!r} does not hold")
    margin: Any = certificate.get("margin")
    must(is_number(margin) and margin > 0, f"the margin is {shortly(margin)}, but should be a number above 0")
    return transformer


def _outputs(model: Model) -> Any:
    """As a certificate states them."""
    return None if model.outputs is None else "number" if model.outputs is NUMBER else list(model.names)


def _domain(model: Model) -> list[Any] | None:
    """As a certificate states it."""
    if model.domain is None:
        return None
    return [{"start": one.start, "sets": [sorted(tokens) for tokens in one.sets]} for one in model.domain.layouts]


def is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _digest(transformer: Transformer) -> str:
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
            sha.update(f"{name} {array.shape} {array.dtype.str}\n".encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def _source(function: Callable[..., Any]) -> str | None:
    function = function.step if type(function) is Fold else function
    try:
        file = inspect.getsourcefile(function if inspect.isroutine(function) else type(function))
        return None if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except (TypeError, OSError):
        return None


def _same(what: str, stated: object, actual: object) -> None:
    if stated != actual:
        raise MismatchError(f"the certificate's {what} is {shortly(stated)}, but should be {shortly(actual)}")


def must(condition: bool, sentence: str) -> None:
    if not condition:
        raise CertificateError(sentence)
