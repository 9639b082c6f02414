"""Models as configuration and arrays in our own format, which keeps all of a model but its functions, bit for bit."""

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.basis import Basis
from zoo.domain import Domain, as_data, from_data
from zoo.errors import FileError
from zoo.files.tensors import Shape, field
from zoo.model import NUMBER, Cycle, Model
from zoo.transformer import Attention, Layer, Mlp, Norm, Transformer, unhandled
from zoo.transformer.arrays import Array

FORMAT = "handmade-zoo 1"
DTYPES = {"float16": "F16", "float32": "F32", "float64": "F64"}
NONE = type(None)
LAYOUTS = 1024
BASES: dict[str, tuple[type, ...]] = {"basis": (), "head_basis": (list,)}  # what else than an object they may be


def to_zoo(model: Model) -> tuple[dict[str, Any], dict[str, Array]]:
    """The configuration and the arrays; FileError for a dtype that the file has not."""
    transformer = model.transformer
    if transformer.dtype.name not in DTYPES:
        raise FileError(f"{model.name} is {transformer.dtype}, but should be one of {', '.join(DTYPES)}")
    arrays = {".".join(name): array for name, array in transformer.named_arrays().items()}
    rule, cycle, norm = model.rule, model.cycle, transformer.final_norm
    config = {
        "format": FORMAT,
        "name": model.name,
        "source": model.source,
        "rule": rule and f"{rule.__module__}:{getattr(rule, '__qualname__', '?')}",
        "margin": None if model.margin is None else float(model.margin),
        "cycle": cycle and {"tokens": cycle.tokens, "within": cycle.within},
        "vocab": list(model.vocab),
        "dtype": transformer.dtype.name,
        "layers": [_layer(layer) for layer in transformer.layers],
        "final_norm": None if norm is None else float(norm.eps),
        "arrays": {name: list(array.shape) for name, array in arrays.items()},
    }
    if model.domain is not None:  # others have no such key, as before there were domains
        config["domain"] = _few(model.name, as_data(model.domain))
    config |= {name: _labels(basis) for name in BASES if (basis := getattr(model, name)) is not None}
    if not model.completes:
        config["answers"] = model.answers
        config["outputs"] = (
            "number" if model.outputs is NUMBER else None if model.outputs is None else list(model.names)
        )
        config["within"] = None if model.within is None else float(model.within)
    return config, arrays


def _few(where: str, layouts: list[Any]) -> list[Any]:
    """FileError where there are so many that it takes long to see that none overlap."""
    if len(layouts) > LAYOUTS:
        raise FileError(f"{where}: the domain has {len(layouts)} layouts, but should have at most {LAYOUTS} in a file")
    return layouts


def _layer(layer: Layer) -> dict[str, Any]:
    norm = None if layer.norm is None else float(layer.norm.eps)
    if isinstance(layer, Mlp):
        return {"kind": "mlp", "activation": layer.activation, "norm": norm}
    if isinstance(layer, Attention):
        scale = None if layer.scale is None else float(layer.scale)
        return {"kind": "attention", "causal": bool(layer.causal), "scale": scale, "norm": norm}
    unhandled(layer)


def shapes(where: str, config: Mapping[str, Any]) -> dict[str, Shape]:
    """The arrays that a configuration declares; FileError where it is not of our format."""
    if config["format"] != FORMAT:
        raise FileError(f"{where}: format is {repr(config['format'])[:60]}, but should be {FORMAT!r}")
    declared = field(where, config, "arrays", dict)
    for name, shape in declared.items():
        if not (isinstance(shape, list) and all(type(n) is int for n in shape)):
            raise FileError(f"{where}: arrays: {name[:60]} is {repr(shape)[:60]}, but should be a shape")
    return {name: tuple(shape) for name, shape in declared.items()}


def dtype(where: str, config: Mapping[str, Any], found: set[str]) -> str:
    """The one that a configuration states; FileError where the file holds another."""
    stated: str = field(where, config, "dtype", str)
    if stated not in DTYPES or found != {DTYPES[stated]}:
        held = ", ".join(sorted(found))
        raise FileError(f"{where}: dtype is {stated[:60]!r}, but should be the file's, {held}, of {', '.join(DTYPES)}")
    return stated


def from_zoo(where: str, config: Mapping[str, Any], arrays: Mapping[str, Array]) -> Model:
    """The model, without rule; FileError or ModelError where configuration and arrays do not make one."""
    own = _by_part(arrays)

    def made(kind: Any, part: str, **more: Any) -> Any:
        there = own.pop(part, {})
        needed = {name for name in kind.shapes if kind is Mlp or not hasattr(kind, name)}  # an Mlp's are all written
        if wrong := sorted(needed - there.keys()) or sorted(there.keys() - kind.shapes.keys()):
            should = ", ".join(kind.shapes)
            raise FileError(f"{where}: {part} is wrong about {wrong[0][:60]!r}, but should have arrays out of {should}")
        return kind(**there, **more)

    def norm(part: str, fields: Mapping[str, Any], name: str) -> Norm | None:
        eps = field(where, fields, name, float, NONE)
        return None if eps is None else made(Norm, part, eps=eps)

    def layer(i: int, fields: Any) -> Layer:
        part = f"layer {i}"
        if not isinstance(fields, dict):
            raise FileError(f"{where}: {part} is {repr(fields)[:60]}, but should be an object")
        kind = field(where, fields, "kind", str)
        if kind not in ("attention", "mlp"):
            raise FileError(f"{where}: {part} is of kind {kind[:60]!r}, but should be 'attention' or 'mlp'")
        before = norm(f"{part} norm", fields, "norm")
        if kind == "mlp":
            mlp: Mlp = made(Mlp, part, activation=field(where, fields, "activation", str), norm=before)
            return mlp
        causal, scale = field(where, fields, "causal", bool), field(where, fields, "scale", float, NONE)
        attention: Attention = made(Attention, part, causal=causal, scale=scale, norm=before)
        return attention

    layers = [layer(i, fields) for i, fields in enumerate(field(where, config, "layers", list))]
    final = norm("final norm", config, "final_norm")
    transformer = made(Transformer, "transformer", layers=layers, final_norm=final)
    if own:
        raise FileError(
            f"{where}: there are arrays of {min(own)[:60]!r}, but should be none: it is no part of the model"
        )
    return Model(
        name=field(where, config, "name", str),
        vocab=field(where, config, "vocab", list),
        transformer=transformer,
        source=field(where, config, "source", str),
        cycle=_cycle(where, config),
        margin=field(where, config, "margin", float, NONE),
        domain=_domain(where, config),
        **_named(where, config),
        **_answers(where, config),
    )


def _answers(where: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What it answers and where, if that is not the next token."""
    outputs = field(where, config, "outputs", str, list, NONE, default=None)
    if isinstance(outputs, str) and outputs != "number":
        raise FileError(f"{where}: outputs is {outputs[:60]!r}, but should be names or 'number'")
    return {
        "answers": field(where, config, "answers", str, default="last"),
        "outputs": NUMBER if outputs == "number" else outputs,
        "within": field(where, config, "within", float, NONE, default=None),
    }


def _domain(where: str, config: Mapping[str, Any]) -> Domain | None:
    stated = field(where, config, "domain", list, default=None)
    return None if stated is None else from_data(_few(where, stated))


def _labels(basis: Basis | Sequence[Basis | None]) -> Any:
    """Of its families; or of those of each head."""
    if isinstance(basis, Basis):
        return basis.labels
    return [None if one is None else one.labels for one in basis]


def _named(where: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The names of directions, where the file has them."""
    whole, heads = (field(where, config, name, dict, *more, NONE, default=None) for name, more in BASES.items())
    of_heads = [_basis(where, "head_basis", one) for one in heads] if isinstance(heads, list) else None
    return {"basis": _basis(where, "basis", whole), "head_basis": of_heads or _basis(where, "head_basis", heads)}


def _basis(where: str, name: str, families: Any) -> Basis | None:
    """Families, each with its labels."""
    if families is None:
        return None
    if not isinstance(families, dict):
        raise FileError(f"{where}: {name} has {repr(families)[:60]}, but should have families of names for each head")
    for family, labels in families.items():
        fits = isinstance(labels, list) and all(type(label) in (int, str) for label in labels)
        if not (fits and all(map(str.isprintable, [family, *map(str, labels)]))):
            raise FileError(
                f"{where}: {name}: {family[:60]!r} is {repr(labels)[:60]}, but should be names that can be printed"
            )
    return Basis(**families)


def _by_part(arrays: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    own: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        part, _, array_name = name.rpartition(".")
        own.setdefault(part, {})[array_name] = array
    return own


def _cycle(where: str, config: Mapping[str, Any]) -> Cycle | None:
    fields = field(where, config, "cycle", dict, NONE)
    if fields is None:
        return None
    where += ": cycle"
    tokens = field(where, fields, "tokens", str, list)
    if not tokens or not all(isinstance(token, str) for token in tokens):
        raise FileError(f"{where}: tokens is {repr(tokens)[:60]}, but should be tokens")
    return Cycle(tokens if isinstance(tokens, str) else tuple(tokens), field(where, fields, "within", int))
