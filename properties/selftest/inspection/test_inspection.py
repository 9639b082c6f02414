"""What `zoo inspect` says of a head's maps and of a context, against the definitions, on random models."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties import check_model
from properties.selftest import domains
from properties.strategies import as_model, tokens, transformers
from zoo import Basis, files, published_figures
from zoo.errors import ContextError
from zoo.inspection.maps import SIDE, Map, products, scores, writes
from zoo.inspection.parts import inspect, json_text, matrix
from zoo.inspection.pictures import MOST, figure, short, svg
from zoo.inspection.reading import reading
from zoo.model import Model
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


def test_a_picture_is_small_and_well_formed() -> None:
    model = zoo.load("aab")
    picture = svg(model, inspect(model, "aabaa"))
    root = ElementTree.fromstring(picture)
    squares = [node for node in root.iter() if node.tag.endswith("rect") and node.get("fill-opacity")]
    assert len(squares) == 15 + 9 + 4 + 1  # what is not zero of an attention, of two matrices and of a bias
    assert len(picture) < 15_000
    for words in (
        ">attention of head 0.0<",
        ">W_Q W_K^T of head 0.0<",
        ">attends<",
        ">attended to<",
        ">output bias of layer 0<",
        ">always<",
        ">pos 4<",
        ">a 4<",
        "the strongest colour is 1024",
    ):
        assert words in picture
    assert "not drawn" not in picture


def test_a_picture_says_what_is_left_out_and_escapes_names() -> None:
    def drawn(tokens: list[str], heads: int = 1, model: Model | None = None) -> str:
        n = len(tokens)
        attentions = [{"layer": 0, "head": h, "weights": np.full((n, n), 1 / n)} for h in range(heads)]
        return svg(model or zoo.load("ab"), {"context": {"tokens": tokens, "attentions": attentions}})

    short = ElementTree.fromstring(drawn(["<a>"]))
    texts = [node.text for node in short.iter() if node.tag.endswith("text")]
    assert texts[2:8] == ["attention of head 0.0", "attended to", "attends", "<a> 0", "<a> 0", "1"]
    assert r"\x1b 0" in [node.text for node in ElementTree.fromstring(drawn(["\x1b"])).iter()]  # which XML cannot hold
    assert "not drawn" not in drawn(["a"] * 60, heads=MOST // 60**2 + 1)  # which are drawn smaller
    heads = MOST // 8**2
    said = f"{heads + 1} maps are not drawn: more than 30,000 squares in all"
    assert said in drawn(["a"] * 8, heads=heads + 1)
    long = drawn(["a"] * (SIDE + 1), model=zoo.load("aab", n_ctx=SIDE))  # so many positions, and two directions more
    assert "not drawn" not in long
    assert "65 x 65 entries, 2 x 2 a square" in long


def texts_overlap(picture: str) -> list[str]:
    """Titles and names that are written over one another: a letter is taken to be 5.5 wide."""
    boxes = []
    for group in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}g"):
        moved = [float(x) for x in re.findall(r"[-\d.]+", group.get("transform", ""))]
        for node in group.iter("{http://www.w3.org/2000/svg}text"):
            wide, text = 5.5 * len(node.text or ""), node.text or ""
            if node.get("transform"):  # upwards from where it starts
                x, y, _ = (float(x) for x in re.findall(r"[-\d.]+", node.get("transform", "")))
                box = (x - 10, y - wide, x, y)
            else:
                x, y = float(node.get("x", 0)), float(node.get("y", 0))
                x -= {"end": wide, "middle": wide / 2}.get(node.get("text-anchor", ""), 0)
                box = (x, y - 9, x + wide, y)
            boxes.append((text, [b + m for b, m in zip(box, moved * 2)]))
    return [
        f"{a} over {b}"
        for i, (a, (left, top, right, bottom)) in enumerate(boxes)
        for b, (x, y, to_x, to_y) in boxes[:i]
        if left < to_x and x < right and top < to_y and y < bottom
    ]


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("aab", "aabaa"),
        ("two_head", "aabbab"),
        ("induction", "abca"),
        ("explainer", "l <|endoftext|> Ġm"),
    ],
)
def test_nothing_is_written_over_something_else(name: str, context: str) -> None:
    model = zoo.load(name)
    picture = svg(model, inspect(model, context if model.reads_strings else tuple(context.split())))
    assert texts_overlap(picture) == []
    assert texts_overlap(picture.replace('y="28"', 'y="12"')) != []


def test_a_gpt2_directory_is_inspected_too(tmp_path: object) -> None:
    files.write_gpt2(zoo.load("explainer"), f"{tmp_path}/model")
    found = inspect(files.read(f"{tmp_path}/model"), ("l", "in"))
    assert len(found["context"]["hidden_states"]) == 3
    assert len(found["heads"]) == 2


def drawn(one: Map, largest: float) -> tuple[list[tuple[str, str]], str]:
    """The squares that are not zero, as class and strength, and the whole picture."""
    picture = figure(one, largest)
    root = ElementTree.fromstring(picture)
    squares = [node for node in root.iter() if node.tag == "rect" and node.get("fill-opacity")]
    return [(node.get("class", ""), node.get("fill-opacity", "")) for node in squares], picture


def test_pictures_have_one_language() -> None:
    """Blue (p) is positive and orange (q) negative, on one scale; an attention is from 0 to 1; zeros are folded."""
    weights = Map("w", np.array([[8.0, 0, 0], [0, 0, -1]]), ["x", "y"], ["a", "b", "c"])
    squares, picture = drawn(weights, 64)
    assert squares == [("p", "0.500"), ("q", "0.250")]  # cube roots of 8 / 64 and 1 / 64
    assert ">b<" not in picture
    attends = Map("a", np.array([[1.0, 0], [0.25, 0.75]]), ["x", "y"], ["x", "y"], attention=True)
    assert drawn(attends, 64)[0] == [("a", "1.000"), ("a", "0.250"), ("a", "0.750")]
    assert ">all zero<" in drawn(Map("z", np.zeros((2, 2)), ["x", "y"], ["x", "y"]), 1)[1]
    assert [short(x) for x in (1024.0, 0.5, -0.25, -2e5, 3e-14, 12.5)] == [
        "1024",
        ".5",
        "-.25",
        "-2e5",
        "3e-14",
        "12.5",
    ]


def test_squares_that_stand_for_several_entries_show_the_one_farthest_from_0() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(5, 7)) * (random.random((5, 7)) < 0.4)
    matrix[0, :2] = 3.0, -3.0  # of two that are as far, the positive one
    matrix[4, 6] = -9.0
    whole = Map("w", matrix, [f"r{i}" for i in range(5)], [f"c{j}" for j in range(7)])
    for most in (4, 3, 2):
        one = whole.binned(4).binned(most)  # what is put together may be put together again
        assert one.coarse is not None
        high, wide = one.coarse.high, one.coarse.wide
        assert max(one.matrix.shape) <= most
        folded = whole.folded()
        for (i, j), x in np.ndenumerate(one.matrix):
            part = folded.matrix[high * i : high * (i + 1), wide * j : wide * (j + 1)].ravel()
            assert x == max(part, key=lambda entry: (abs(entry), entry))
        assert list(one.rows) == [f"{name} …" for name in list(folded.rows)[::high]]
        assert one.coarse.largest[0] == ("r4", "c6", -9.0)
        squares, picture = re.findall(r"M\d+ \d+h", drawn(one, 9)[1]), drawn(one, 9)[1]
        assert len(squares) == np.count_nonzero(one.matrix)
        assert f"5 x 7 entries, {high} x {wide} a square; {np.count_nonzero(matrix)} are not zero, " in picture
    assert whole.binned(7).coarse is None


def test_biases_are_part_of_the_pictures_where_they_matter() -> None:
    """That of a query adds by key; that of a key adds the same to all keys, which softmax does not notice."""
    one, stream = np.eye(2)[None], ["x", "y"]
    layer = Attention(one, 2 * one, one, 3 * one, b_q=np.array([[5.0, 0]]), b_k=np.ones((1, 2)), b_v=np.ones((1, 2)))
    scored = scores(layer, 0, "0.0", stream)
    assert (list(scored.rows), scored.matrix.tolist()) == (["x", "y", "always"], [[2, 0], [0, 2], [10, 0]])
    assert writes(layer, 0, "0.0", stream).matrix.tolist() == [[3, 0], [0, 3], [3, 3]]
    assert list(scores(replace(layer, b_q=None), 0, "0.0", stream).rows) == stream
    titles = [one.title for line in products(zoo.load("increment")) for one in line]
    assert {"W_in of Mlp 1", "W_out of Mlp 1", "unembedding", "output bias of layer 0"} <= set(titles)


def test_what_is_a_value_of_a_line_or_a_cell_is_short() -> None:
    model = zoo.load("two_head")
    sizes = "126 contexts of 1 to 6 tokens over a, b; 1 layer, 2 heads, d_model 8, float64"
    assert repr(model) == f"<Model two_head: {sizes}>"
    assert repr(model.basis) == "Basis(pos=6, tok='ab')"
    assert repr(Basis(x=["in", "out"], big=range(1000))) == "Basis(x=['in', 'out'], big=1000)"
    assert repr(model.transformer) == "<Transformer: n_ctx 6, d_model 8, 2 tokens, float64, 2 heads>"
    assert repr(zoo.load("increment").transformer).endswith("float64, 2 heads, 2 relu>")
    for name in zoo.names():
        for one in (zoo.load(name), zoo.load(name).basis, zoo.load(name).transformer):
            assert "\n" not in repr(one)
            assert len(repr(one)) <= 200


def test_a_notebook_shows_the_map_and_what_is_known() -> None:
    """Nothing of it reaches beyond its element: no script, no style sheet."""
    model = replace(zoo.load("aab"), name="<b>", rule=lambda context: {"a"}, predictors=(), margin=None)
    fresh = ElementTree.fromstring(model._repr_html_())
    assert "failed" not in "".join(fresh.itertext())
    assert "<b>" in "".join(fresh.itertext())
    verdicts = check_model(model, names=["rule"])
    for html in (model._repr_html_(), verdicts._repr_html_()):
        root = ElementTree.fromstring(html)
        assert not {node.tag for node in root.iter()} & {"script", "style", "link"}
        assert "✗ failed" in "".join(root.itertext())
    squares = ElementTree.fromstring(model._repr_html_()).iter("rect")
    assert any(node.get("fill") == "#e0523a" for node in squares)
    assert "it says b, permitted is a" in "".join(ElementTree.fromstring(verdicts._repr_html_()).itertext())
    assert len(verdicts) == 1
    assert verdicts[0].check == "rule"
