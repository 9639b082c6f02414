"""Certificates: what a proof found, written down so that `properties.recheck` can confirm it without the prover."""

import hashlib
import inspect
import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from properties.proof.boxes import Replies, Settled
from properties.proof.judges import stated
from properties.proof.search import BEYOND, Proof, prove_answers
from zoo.domain import as_data
from zoo.errors import FailingError, ModelError, RuleError
from zoo.model import Model
from zoo.rule import Function
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.writing import check_room, write_whole

FORMAT = 1


def certify(model: Model, function: Function, **options: Any) -> tuple[Proof, dict[str, Any] | None]:
    """Proves a model right by a rule or predictor, and returns the certificate, or None where it is not right.

    Nor is there one where the function determines nothing in any context.
    `options` are those of `prove_answers`. The certificate is plain JSON data: the dtype, digests of the arrays and of
    the file that defines the function, and for each length up to n_ctx the tree of splits. A leaf says what is
    permitted and how that was settled; where it was proved, with the answer, its margin and the level that proves it
    for each head, token at the last position, and rival. Where the model states a domain, that is in there, and for
    each length a list of trees, of each layout that has such contexts; where it has lemmas, their sentences.
    FailingError where a lemma does not hold.
    """
    model.must_complete("be certified")
    for lemma in model.lemmas:
        if not lemma.holds(model):
            raise FailingError(f"{model.name}: the lemma {lemma.text!r} is false, but should hold to be certified")
    leaves: list[Settled] = []
    # One wrong context is enough for there to be none.
    told: dict[str, Any] = {"first": True, "settled": leaves.append, "domain": model.domain}
    proof = prove_answers(model.transformer, model.vocab, function, **told, **options)
    if any(leaf.box.counts or leaf.box.ending is not None for leaf in leaves):
        raise ModelError(
            f"{model.name} was proved by counting tokens, which no certificate can say yet, but should be proved by a "
            "rule or predictor that does not count to be certified"
        )
    if proof.status != "holds" or not proof.contexts:  # where nothing is determined, nothing is proved
        return proof, None
    trees: dict[int, dict[int, dict[str, Any]]] = {}  # of each length, by the layout of the domain
    for leaf in leaves:
        tree = trees.setdefault(leaf.box.length, {}).setdefault(_layout(model, leaf), {})
        _grow(tree, leaf.box.path, _leaf(leaf))
    return proof, {
        "format": FORMAT,
        "model": model.name,
        "vocab": list(model.vocab),
        "n_ctx": model.n_ctx,
        "dtype": str(model.transformer.dtype),
        "arrays": digest(model.transformer),
        "function": {"name": name_of(function), "source": source_digest(function)},
        "versions": {name: version(name) for name in ("handmade-zoo", "numpy")} | {"python": platform.python_version()},
        "margin": proof.margin,
        **_of_domain(model),
        "trees": {str(length): _trees(model, found) for length, found in sorted(trees.items())},
    }


def _layout(model: Model, leaf: Settled) -> int:
    """The number of the layout that a leaf is in."""
    if len(model.scope.layouts) == 1:
        return 0
    tokens = [model.vocab[i] for i in leaf.box.first(model.vocab)]
    return next(i for i, layout in enumerate(model.scope.layouts) if tokens in layout)


def _of_domain(model: Model) -> dict[str, Any]:
    """The domain where one is stated, and the lemmas, all of which hold."""
    stated: dict[str, Any] = {}
    if model.domain is not None:
        stated["domain"] = as_data(model.domain)
    if model.lemmas:
        stated["lemmas"] = [lemma.text for lemma in model.lemmas]
    return stated


def _trees(model: Model, found: dict[int, dict[str, Any]]) -> Any:
    """One tree; where a domain is stated, one for each layout that has contexts of the length."""
    return found[0] if model.domain is None else [found[i] for i in sorted(found)]


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
        why = error.strerror if isinstance(error, OSError) else "its trees are nested too deeply"
        raise ModelError(f"{path} cannot be written: {why}") from error


def read(path: str | Path) -> dict[str, Any]:
    """The certificate in a file; ModelError where that is no JSON object."""
    try:
        content = json.loads(Path(path).read_text())
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
    """sha256 of the source file that defines a function: it may call others in there."""
    try:
        file = inspect.getsourcefile(function if inspect.isroutine(function) else type(function))
    except TypeError:  # built in
        file = None
    if file is None or not Path(file).is_file():
        raise RuleError(f"{function!r} has no source file, but should be defined in one to be certified")
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _leaf(leaf: Settled) -> dict[str, Any]:
    entry: dict[str, Any] = {"is": leaf.kind, "permitted": sorted(leaf.box.permitted)}
    if leaf.kind == "proved":
        assert leaf.levels is not None
        entry |= {"answer": leaf.answer, "margin": leaf.margin, "levels": leaf.levels.tolist()}
    return entry


def _grow(tree: dict[str, Any], path: Replies, leaf: dict[str, Any]) -> None:
    """Adds a leaf under its replies: an inner node names the position asked for, and has a child for each reply."""
    for position, reply in path:
        tree["at"] = position
        children: list[tuple[list[str], dict[str, Any]]] = tree.setdefault("to", [])
        child = next((child for tokens, child in children if set(tokens) == reply), None)
        if child is None:
            children.append((sorted(reply), child := {}))
        tree = child
    tree.update(leaf)
