"""What `zoo inspect` says of a head's maps and of a context, against the definitions, on random models."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.selftest import domains
from properties.strategies import as_model, tokens, transformers
from zoo import files, published_figures
from zoo.errors import ContextError
from zoo.inspection.parts import inspect, json_text, matrix
from zoo.inspection.reading import reading
from zoo.transformer import Attention, Transformer, forward
from zoo.transformer.arrays import Array


@st.composite
def factors(draw: st.DrawFn) -> tuple[Array, Array]:
    d, width = draw(st.integers(1, 12)), draw(st.integers(1, 7))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kept = random.random((1, width)) < draw(st.sampled_from([0.5, 1.0]))
    return random.normal(size=(d, width)) * kept, random.normal(size=(width, d))


def test_factors_of_little_width_give_the_figures_of_the_whole_matrix() -> None:
    """The way through fewer directions, which short factors take, at a size where it is much shorter."""
    random = np.random.default_rng(0)
    symmetric = random.normal(size=(50, 3))
    for left, right in ((random.normal(size=(50, 3)), random.normal(size=(3, 50))), (symmetric, symmetric.T)):
        whole, found = matrix(left @ right, np.eye(50)), matrix(left, right)
        for name in ("norm", "scale", "distance", "relative", "symmetric", "antisymmetric", "rank"):
            assert found[name] == pytest.approx(whole[name], rel=1e-9, abs=1e-12), name
        np.testing.assert_allclose(found["singular_values"], whole["singular_values"][:3])


@given(factors())
def test_the_figures_of_a_product_are_those_of_the_whole_matrix(both: tuple[Array, Array]) -> None:
    left, right = both
    product, found = left @ right, matrix(left, right)
    d = len(product)
    assert found["norm"] == pytest.approx(np.linalg.norm(product))
    assert found["symmetric"] ** 2 + found["antisymmetric"] ** 2 == pytest.approx(found["norm"] ** 2, abs=1e-9)
    for other in (0.9 * found["scale"], 1.1 * found["scale"] + 1e-3):  # no other multiple is nearer
        assert np.linalg.norm(product - other * np.eye(d)) >= found["distance"] - 1e-9
    assert found["distance"] == pytest.approx(np.linalg.norm(product - found["scale"] * np.eye(d)), abs=1e-9)
    assert found["rank"] == np.linalg.matrix_rank(product)
    singular = np.linalg.svd(product, compute_uv=False)
    np.testing.assert_allclose(found["singular_values"], singular[: len(found["singular_values"])], atol=1e-8)
    np.testing.assert_allclose(singular[len(found["singular_values"]) :], 0, atol=1e-8)
    assert len(found["eigenvalues"]) == len(found["singular_values"]) == min(left.shape)
    ours = np.array([complex(*x) for x in found["eigenvalues"]])
    theirs = np.linalg.eigvals(product)
    for power in (1, 2, 3):  # the same spectrum but for zeros: the same sums of powers
        assert np.sum(ours**power) == pytest.approx(np.sum(theirs**power), rel=1e-6, abs=1e-6)


def test_a_context_outside_the_domain_is_looked_at_when_asked_for() -> None:
    model = domains.adder()
    for look in (inspect, reading):
        with pytest.raises(ContextError, match="the context 1\\+1 is outside the domain of adder"):
            look(model, "1+1")
    assert inspect(model, "1+1", anyway=True)["context"]["answer"] == reading(model, "1+1", anyway=True).answers[0]


def test_published_figures_are_of_the_domain() -> None:
    """Of all contexts of 4 tokens, some have a tie and some a larger margin."""
    model = domains.adder()
    assert published_figures.smallest_margin(model) == (10, "0+0=")
    assert published_figures.smallest_margin(replace(model, domain=None))[0] == 0
    assert published_figures.same_answers(model, causal=False) == "4 of 4"
    assert published_figures.accuracy(model, "1+1=0", 1) == "1 of 1"
    assert published_figures.accuracy(replace(model, domain=None), "1+1=0", 1) == "1 of 4"


def test_matrices_that_are_known() -> None:
    eye, turn = np.eye(4), np.array([[0.0, -1.0], [1.0, 0.0]])
    identity = matrix(3 * eye, eye)
    assert (identity["scale"], identity["distance"], identity["relative"], identity["rank"]) == (3, 0, 0, 4)
    assert (identity["symmetric"], identity["antisymmetric"]) == (6, 0)
    quarter = matrix(turn, np.eye(2))  # x' is attended to by what is at right angles to it
    assert (quarter["scale"], quarter["relative"], quarter["symmetric"]) == (0, 1, 0)
    assert sorted(quarter["eigenvalues"]) == [[0, -1], [0, 1]]
    assert matrix(0 * eye, eye)["relative"] == 0
    assert [matrix(np.diag([1, small]), np.eye(2))["rank"] for small in (1e-8, 1e-18)] == [2, 1]


@given(st.data())
def test_a_context_is_read_as_the_model_does(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    row = data.draw(tokens(transformer, max_batch=1))[0]
    model = as_model(transformer)
    found = inspect(model, model.decode(row), top=2)
    assert json.loads(json_text(found))["name"] == model.name
    said, logits = found["context"], model.logits(model.decode(row))
    np.testing.assert_array_equal(said["logits"], logits)
    assert said["top"][0]["token"] == said["answer"] == model.predict(model.decode(row))
    assert said["top"][0]["logit"] == logits[-1].max()
    for one in said["top"]:
        shares = [s["share"] for part in said["shares"] for s in part["top"] if s["token"] == one["token"]]
        assert sum(shares) == pytest.approx(one["logit"], rel=1e-6, abs=1e-6 * max(1, *map(abs, shares)))
    assert len(said["hidden_states"]) == len(transformer.layers) + 1
    for i, state in enumerate(said["hidden_states"]):
        cut = Transformer(transformer.token_embedding, transformer.position_embedding, transformer.layers[:i])
        trace: dict[str, Array] = {}
        forward(cut, row[None], trace)
        np.testing.assert_allclose(state, trace["residual"][0], rtol=1e-9, atol=1e-9)
    heads = [layer.sizes["head"] for layer in transformer.layers if isinstance(layer, Attention)]
    assert len(found["heads"]) == len(said["attentions"]) == sum(heads)
    for attention in said["attentions"]:
        np.testing.assert_allclose(np.sum(attention["weights"], axis=1), 1)


def test_what_is_known_of_aab() -> None:
    found = inspect(zoo.load("aab"), "aabaa")
    assert found["tied"]
    assert {"name": "layer 0.w_q", "shape": [1, 8, 8]} in found["parameters"]
    [head] = found["heads"]
    # 1024 on the diagonal of five positions and on four entries beside it.
    assert head["qk"]["norm"] == pytest.approx(1024 * 3)
    assert head["qk"]["scale"] == 640
    assert head["qk"]["antisymmetric"] == pytest.approx(1024 * np.sqrt(2))
    assert head["qk"]["rank"] == 5
    assert (head["vo"]["rank"], head["vo"]["antisymmetric"]) == (1, 0)
    said = found["context"]
    assert [(one["token"], one["logit"]) for one in said["top"]] == [("b", 1024), ("a", 1)]
    assert {part["part"]: part["top"][0]["share"] for part in said["shares"]} == {
        "embedding": 0, "head 0.0": 1024, "bias 0": 0
    }  # fmt: skip


def test_a_gpt2_directory_is_inspected_too(tmp_path: object) -> None:
    files.write_gpt2(zoo.load("explainer"), f"{tmp_path}/model")
    found = inspect(files.read(f"{tmp_path}/model"), ("l", "in"))
    assert len(found["context"]["hidden_states"]) == 3
    assert len(found["heads"]) == 2
