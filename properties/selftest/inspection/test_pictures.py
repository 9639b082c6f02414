"""Pictures of weights and attentions: what is drawn, in which language, and what stands in a notebook."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

import zoo
from properties import check_model
from zoo import Basis
from zoo.inspection.maps import SIDE, Map, products, scores, writes
from zoo.inspection.parts import inspect
from zoo.inspection.pictures import MOST, figure, short, svg
from zoo.model import Model
from zoo.transformer import Attention


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
    said = "".join(ElementTree.fromstring(model._repr_html_()).itertext())
    assert "12345" in said  # the lengths
    assert [words in said for words in ("says a", "says b", "wrong", "not as meant")] == [True, True, True, False]
    deviating = zoo.load("two_head")
    check_model(deviating, names=["deviations"])
    said = "".join(ElementTree.fromstring(deviating._repr_html_()).itertext())
    assert [words in said for words in ("wrong", "not as meant")] == [False, True]
    assert "<svg" in zoo.load("share")._repr_html_()  # of numbers, which are not told apart
    assert "it says b, permitted is a" in "".join(ElementTree.fromstring(verdicts._repr_html_()).itertext())
    assert len(verdicts) == 1
    assert verdicts[0].check == "rule"
