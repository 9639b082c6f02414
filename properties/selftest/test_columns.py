"""The operations side by side: each column has them all, and none takes what it does not know for something else.

A new operation, activation or kind of layer is met by these tests in every place that must know of it.
"""

import ast
import importlib
import re
from collections.abc import Callable
from dataclasses import fields, make_dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from properties import check_model
from properties.dossier import embedded
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes
from properties.proof.certificate import digest
from properties.recheck.about import _digest
from properties.recheck.margins import Margins
from properties.selftest.recheck.alone import Alone
from zoo.cost.baseline import baseline
from zoo.cost.operations import answer_flops, bytes_moved, flops
from zoo.enumeration import native
from zoo.enumeration.prefixes import empty, step
from zoo.enumeration.rounding import Rounding
from zoo.files.own_format import from_zoo, to_zoo
from zoo.files.to_gpt2 import to_gpt2
from zoo.inspection.attribution import shares
from zoo.inspection.maps import products
from zoo.inspection.parts import inspect
from zoo.inspection.sentences import sentences
from zoo.model import Model
from zoo.training.backward import gradients
from zoo.transformer import ACTIVATIONS, Attention, Layer, Mlp, Transformer, forward, parts, residuals
from zoo.transformer.arrays import Array, Part
from zoo.transformer.scalar import scalar_forward

COLUMNS: dict[str, object] = {
    "forward": importlib.import_module("zoo.transformer.forward"),  # the package has a function of that name
    "scalar": importlib.import_module("zoo.transformer.scalar"),
    "cost": importlib.import_module("zoo.cost.operations"),
    "gradients": importlib.import_module("zoo.training.backward"),
    "prefixes": importlib.import_module("zoo.enumeration.prefixes"),
    "interval": importlib.import_module("properties.proof.interval"),
    "direction": importlib.import_module("properties.proof.backward"),
    "rounding": Rounding,
    "ball": Margins,
}


def operations() -> set[str]:
    """What `forward` calls of its own module, but for the check of its tokens."""
    module: Any = COLUMNS["forward"]
    own = {name for name, value in vars(module).items() if isinstance(value, FunctionType)}
    return (
        own
        & set(module.forward.__wrapped__.__code__.co_names)
        & {name for name in own if vars(module)[name].__module__ == module.__name__} - {"check_tokens"}
    )


def test_the_operations_are_five() -> None:
    assert operations() == {"embed", "normalize", "attend", "transform", "unembed"}


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_has_each_operation(column: str) -> None:
    missing = [name for name in sorted(operations()) if not callable(getattr(COLUMNS[column], name, None))]
    assert not missing, f"{column} has no {', '.join(missing)}"


def test_so_has_the_one_in_c() -> None:
    assert set(re.findall(r"(\w+)\(const Model \*m,", native.source())) >= operations()


TOKENS = np.array([[0, 1, 1]])
VOCAB = "ab"


def attention() -> Attention:
    random = np.random.default_rng(0)
    w_q, w_k, w_v, w_o = (random.normal(size=(1, 2, 2)) for _ in range(4))
    return Attention(w_q, w_k, w_v, w_o)


def mlp(activation: str) -> Mlp:
    random = np.random.default_rng(1)
    return Mlp(random.normal(size=(2, 3)), np.ones(3), random.normal(size=(3, 2)), np.ones(2), activation)


def transformer(*layers: Layer) -> Transformer:
    random = np.random.default_rng(2)
    return Transformer(random.normal(size=(2, 2)), random.normal(size=(3, 2)), layers)


def model(t: Transformer) -> Model:
    return Model("model", VOCAB, t, rule=lambda context: {VOCAB[0]})


def traced(t: Transformer) -> dict[str, Array]:
    """A trace as if every layer did nothing, with all the names that may be asked for."""
    trace: dict[str, Array] = {"embedding": np.zeros((1, 3, 2)), "residual": np.zeros((1, 3, 2))}
    for i in range(len(t.layers)):
        trace |= {f"{i}.mlp": np.zeros((1, 3, 2)), f"{i}.heads": np.zeros((1, 1, 3, 2))}
    return trace


def bounded(t: Transformer) -> object:
    boxes = Boxes.dense(np.ones((1, 3, 2), bool))
    return Bounds(t).margins(boxes, np.zeros(1, int), np.array([[False, True]]))


def rechecked(t: Transformer) -> object:
    alone = Alone(t)
    alone.at([(0, 1)] * 3)
    return alone.lower(0, 0, 1)


def read_back(t: Transformer) -> Transformer:
    return from_zoo("model", *to_zoo(model(t))).transformer


def same(here: Array, t: Transformer) -> None:
    np.testing.assert_allclose(here, forward(t, TOKENS)[0, : len(here)], rtol=1e-9)


# Every place that must know of a kind of layer or of an activation: what it is called, where it stands, what it does.
PLACES: dict[str, tuple[str, Callable[[Transformer], object]]] = {
    "forward": ("zoo/transformer/forward.py", lambda t: forward(t, TOKENS)),
    "scalar": ("zoo/transformer/scalar.py", lambda t: same(np.array(scalar_forward(t, [0, 1, 1])), t)),
    "operations": ("zoo/cost/operations.py", lambda t: flops(t, 3)),
    "operations of an answer": ("zoo/cost/operations.py", lambda t: answer_flops(t, 3)),
    "bytes moved": ("zoo/cost/operations.py", lambda t: bytes_moved(t, 3)),
    "the baseline": ("zoo/cost/baseline.py", lambda t: same(baseline(t, TOKENS[0]), t)),
    "gradients": ("zoo/training/backward.py", lambda t: gradients(t, TOKENS, TOKENS)),
    "residuals": ("zoo/transformer/forward.py", lambda t: residuals(t, traced(t))),
    "prefixes": ("zoo/enumeration/prefixes.py", lambda t: same(step(t, empty(t), np.arange(1))[0], t)),
    "rounding": ("zoo/enumeration/rounding.py", lambda t: Rounding(t).of_step([np.zeros((1, 2))] * 9, 1)),
    "enumeration in C": ("zoo/enumeration/layout.py", lambda t: native.Walk(t, 3)),
    "shares": ("zoo/inspection/attribution.py", lambda t: list(shares(t, traced(t)))),
    "inspection": ("zoo/inspection/parts.py", lambda t: inspect(model(t))),
    "pictures": ("zoo/inspection/maps.py", lambda t: list(products(model(t)))),
    "a page's weights": ("properties/dossier/embedded.py", lambda t: embedded.weights(model(t))),
    "our files": ("zoo/files/own_format.py", lambda t: same(forward(read_back(t), TOKENS)[0], t)),
    "GPT-2's files": ("zoo/files/to_gpt2.py", to_gpt2),
    "bounds": ("properties/proof/bounds.py", bounded),
    "digests": ("properties/proof/certificate.py", digest),
    "the checker": ("properties/recheck/stream.py", rechecked),
    "the checker's digests": ("properties/recheck/about.py", _digest),
    "what is shown": ("zoo/inspection/sentences.py", lambda t: list(sentences(model(t)))),
    "the checks": ("properties/checks/settle.py", lambda t: check_model(model(t), names=["rule"])),
}
# What looks at layers or activations and is behind one of these, or means only what it names.
OTHERS = {
    "benchmarks/peers.py": "for one model that it knows",
    "properties/checks/mechanics.py": "whether there are heads, or any mask",
    "properties/counting/terms.py": "one attention, the last layer, behind Bounds; others are counted by boxes",
    "properties/proof/backward.py": "relu is followed more closely, whatever `interval.activate` knows is bounded",
    "properties/proof/first_layer.py": "behind Bounds",
    "properties/proof/forward.py": "behind Bounds",
    "properties/proof/interval.py": "behind Bounds",
    "properties/proof/positions.py": "whether attentions are masked, all or none of them",
    "properties/proof/reach.py": "how much memory Bounds take, which refuse",
    "properties/proof/reduced.py": "one attention and nothing else; others are bounded as they are",
    "properties/recheck/attention.py": "behind Stream",
    "properties/recheck/batches.py": "behind Stream",
    "properties/recheck/margins.py": "behind Stream",
    "properties/recheck/program.py": "behind Stream",
    "properties/robustness/mutants.py": "changes of attentions' structure; weights are changed of every part",
    "properties/strategies.py": "a change of attentions",
    "properties/test_published.py": "a model that it knows",
    "zoo/enumeration/running_sums.py": "one attention and nothing else",
    "zoo/files/gpt2.py": "activations by GPT-2's names; others are refused",
    "zoo/published_figures.py": "a change of attentions",
    "zoo/transformer/parts.py": "where kinds and activations are named",
}


KINDS = ("Attention", "Mlp", "Layer", "LAYERS")


def looks_at_layers(path: Path) -> bool:
    """Whether it asks for an activation, or what kind a layer is of."""
    text = path.read_text()
    if not any(word in text for word in ("activation", *KINDS)):  # most, which need not be parsed
        return False
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr == "activation":
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            kinds = {x.id for x in ast.walk(node.args[1]) if isinstance(x, ast.Name)}
            if kinds & set(KINDS):
                return True
    return False


def test_every_place_is_listed() -> None:
    root = Path(__file__).parents[2]
    files = [path for folder in ("zoo", "properties", "benchmarks") for path in (root / folder).rglob("*.py")]
    found = {str(p.relative_to(root)) for p in files if "selftest" not in p.parts and looks_at_layers(p)}
    listed = {where for where, _ in PLACES.values()} | OTHERS.keys()
    assert found - listed == set(), "these look at kinds of layers or activations, and are not listed"
    program = "properties/recheck/program.py"  # is handed an activation
    assert listed - found <= {program}, "these are listed, and look at none"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> str:
    """An activation, where they are named and nowhere else."""
    monkeypatch.setitem(ACTIVATIONS, "other", lambda x: np.cos(x) - 3)
    return "other"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_place_knows_every_activation_and_kind_of_layer(place: str, activation: str) -> None:
    if place == "the checker":
        pytest.importorskip("flint", reason="python-flint is not installed: pip install handmade-zoo[proof]")
    for layers in ([mlp(activation)], [mlp(activation), attention()], [attention(), mlp(activation), attention()]):
        PLACES[place][1](transformer(*layers))


@pytest.mark.parametrize("place", PLACES)
def test_no_place_takes_a_new_activation_for_another(place: str, planted: str) -> None:
    """It is refused, or the activation is taken from where it is named, and `same` says that it was."""
    if place == "the checker":
        pytest.importorskip("flint", reason="python-flint is not installed: pip install handmade-zoo[proof]")
    takes = "forward", "the baseline", "prefixes", "our files", "residuals", "shares", "inspection"
    for layers in ([mlp(planted)], [attention(), mlp(planted)], [attention(), mlp(planted), attention()]):
        t = transformer(*layers)
        if place in (*takes, "digests", "the checker's digests", "what is shown", "pictures"):
            PLACES[place][1](t)  # by name, or without asking for it
        else:
            with pytest.raises(NotImplementedError, match="other is not handled here, but should be, as an activation"):
                PLACES[place][1](t)


def other(kind: type[Part], name: str, **more: Any) -> Any:
    """A kind of layer with everything that another has, and so taken for it where nobody looks."""
    own = [(f.name, f.type, f) for f in fields(kind)]
    members = {"shapes": kind.shapes, **more}
    return make_dataclass(name, own, bases=(Part,), namespace=members, frozen=True, eq=False)


Gated = other(Mlp, "Gated")
Grouped = other(Attention, "Grouped", multiplier=1.0)
SHAPES = {"Gated": Gated, "Grouped": Grouped}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", SHAPES)
def test_no_place_takes_a_new_kind_of_layer_for_another(place: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "the checker":
        pytest.importorskip("flint", reason="python-flint is not installed: pip install handmade-zoo[proof]")
    monkeypatch.setattr(parts, "LAYERS", (*parts.LAYERS, *SHAPES.values()))
    like: Layer = mlp("gelu") if kind == "Gated" else attention()
    new = SHAPES[kind](**{f.name: getattr(like, f.name) for f in fields(like)})
    for layers in ([new], [new, attention()], [attention(), new], [attention(), new, attention()]):
        with pytest.raises(NotImplementedError, match=re.escape(f"a {kind} is not handled here, but should be")):
            PLACES[place][1](transformer(*layers))
