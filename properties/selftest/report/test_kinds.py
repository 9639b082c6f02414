"""What a page shows of each kind of model, and that it stays small."""

import re
from dataclasses import replace

import numpy as np
import pytest

import zoo
from properties import check_model
from properties.checks.verdict import Requested
from properties.dossier import gather as gathering
from properties.dossier import states
from properties.dossier.dossier import Dossier
from properties.proof import bands, splits
from properties.report.page import context_map, leaves
from properties.report.page.model import model_page
from properties.selftest.report.test_page import dossier, words
from reference import Fold
from zoo import Attention, BlackBox, Mlp, Model, Transformer
from zoo.transformer.arrays import Array


def black_box() -> Model:
    """Wrong after ba, and after bb, where it raises."""

    def predict(context: str) -> str:
        if context == "bb":
            raise KeyError("no")
        return "b" if context == "ba" else context[-1]

    return BlackBox("box", "ab", 3, predict, rule=lambda context: {context[-1]}, metadata={"<who>": "me"})


def large() -> Model:
    """Too large for a page, and for pictures."""
    random = np.random.default_rng(0)
    w = random.normal(size=(1, 130, 130))
    transformer = Transformer(random.normal(size=(2, 130)), random.normal(size=(2, 130)), [Attention(w, w, w, w)])
    return Model("large", "ab", transformer.astype(np.float32), rule=lambda context: {"a"})


def test_a_black_box_that_is_to_be_quick_is_tried_on_less() -> None:
    assert dossier(zoo.load("ripple_adder")).verdicts[0].contexts == 2000


def test_it_is_said_of_how_many_contexts_nothing_is() -> None:
    assert "Right in all 62 contexts. The" in words(model_page(dossier(zoo.load("aab"))))
    assert "Right in all 30 contexts; of 24 nothing is specified" in words(model_page(dossier(zoo.load("brackets", 4))))


def test_what_is_shown_of_each_kind_of_model(monkeypatch: pytest.MonkeyPatch) -> None:
    proved = dossier(zoo.load("aab", n_ctx=30))
    assert proved.answers is None
    assert proved.status == "holds"
    page = model_page(proved)
    assert "Right in all ~2^31 contexts, by proof" in words(page)
    assert page.count('data-leaf="[30,{&quot;-2&quot;:0,&quot;-1&quot;:0}]"') == 1
    assert "in each of 88 sets of contexts, as it was proved" in words(page)
    with monkeypatch.context() as patched:
        patched.setattr(splits, "MOST_KEPT", 100)  # of 118
        patched.setattr(bands, "MOST", 3)
        together = model_page(dossier(zoo.load("aab_compact", n_ctx=30)))
    assert "a cell is all that have an answer and their last tokens in common" in words(together)
    assert re.search(r"<title>2 sets of 30 tokens(, \[-1\] \w)?: \w right by [\d.]+ at least</title>", together)
    counts = dossier(zoo.load("majority", n_ctx=30))
    assert any(node[0] == "count" for node in counts.page["rule"]["nodes"])
    counted = model_page(counts)
    assert "What its rule says is known to the page of the contexts below only" not in words(counted)
    last = Fold("", lambda state, token: token, lambda state: {"b" if state == "a" else "a"})
    folds = dossier(replace(zoo.load("ab"), rule=last, predictors=()))
    assert folds.page["rule"]["permits"] == [(1,), (0,)]
    assert "What its rule says is known to the page of the contexts below only" not in words(model_page(folds))
    with monkeypatch.context() as patched:
        patched.setattr(states, "ENTRIES", 5)  # of 3 states and 2 tokens
        large_fold = dossier(folds.model)
    assert large_fold.page["asked"]["0"] == [1]  # b after a
    folded = model_page(large_fold)
    assert "What its rule says is known to the page of the contexts below only" in words(folded)
    every = model_page(dossier(zoo.load("reverse")))
    assert "It answers at every position." in words(every)
    number = model_page(dossier(zoo.load("share")))
    assert "It answers with a number, within 0.002." in words(number)
    single = model_page(dossier(zoo.load("ab").astype(np.float32)))
    assert "The model is float32; the page computes in float64" in words(single)
    box = model_page(dossier(black_box()))
    assert "Wrong in 2 of 14 contexts. The shortest is ba : it says b , the rule permits a ." in words(box)
    assert "Only its answers are known: there is nothing in it to trace." in words(box)
    assert "Its author says <who>: me" in words(box)
    big = dossier(large())
    assert big.page["weights"] is None
    assert [len(one["heads"]) for one in big.page["traces"]] == [1] * len(big.notable)
    assert "Its weights are too large for a page" in words(model_page(big))
    drawn = model_page(big)
    assert re.search(r"W_Q: what it asks for: 130 x 130 entries, \d+ x \d+ a square; 16,900 are not zero", drawn)
    assert re.search(r"130 x 130 entries, \d+ x \d+ a square farthest from 0: dim \d+ → dim \d+ -?\d", words(drawn))
    assert all(len(page) < 300_000 for page in (page, counted, every, number, single, box, model_page(big)))


def test_a_page_is_small_whatever_it_holds() -> None:
    """Dense weights and wrong contexts, pictures and sentences, and a vocabulary of which some is shown."""
    random = np.random.default_rng(0)

    def n(*shape: int) -> Array:
        return random.normal(size=shape)

    attention = Attention(n(2, 32, 16), n(2, 32, 16), n(2, 32, 16), n(2, 16, 32))
    layers: list[Attention | Mlp] = [attention, Mlp(n(32, 64), n(64), n(64, 32), n(32), "relu")]
    transformer = Transformer(n(3, 32), n(5, 32), layers, None, n(3, 32))
    found = dossier(Model("dense", "abc", transformer, rule=lambda context: {context[-1]}))
    page = model_page(found)
    assert 200_000 < len(page.encode()) < 300_000
    assert "a square" in page
    assert "too large for a page" not in words(page)
    tokens = [f"token{i}" for i in range(8000)]
    few = Transformer(n(8000, 2), n(3, 2), [])
    many = Dossier(Requested("many"), Model("many", tokens, few), [])
    gathering.SECTIONS["page"](many)
    assert many.page["weights"] is None
    assert many.page["vocab"]["size"] == 8000
    shown = {i for one in many.page["traces"] for i in (*one["tokens"], *one["outputs"])}
    assert set(many.page["vocab"]["some"]) == shown


def test_what_is_wrong_is_on_the_map_of_a_proof() -> None:
    """Also in a row of which the rest was not settled, and where no length was."""
    aab = zoo.load("aab", n_ctx=30)
    layer = aab.transformer.layers[0]
    assert isinstance(layer, Attention)
    weak = replace(layer, w_q=layer.w_q * 3 / 1024, w_o=layer.w_o * 3 / 1024, b_o=np.array(layer.b_o) * 3 / 1024)
    model = replace(aab, transformer=replace(aab.transformer, layers=[weak]))
    found = Dossier(Requested("aab"), model, [], verdicts=check_model(model, names=["rule"]))
    gathering.SECTIONS["contexts"](found)
    rows = leaves.rows(found, 200)
    for row in rows.values():
        assert sum(cell.width for cell in row) == 1
    [wrong] = [cell for row in rows.values() for cell in row if cell.state == "b"]
    shown = found.verdicts[0].counterexample
    assert shown is not None
    tokens = model.encode(shown.context).tolist()
    assert wrong.known == {i - len(tokens): token for i, token in enumerate(tokens)}
    assert [cell.state for cell in rows[len(tokens)]][-1] == leaves.OPEN
    page = context_map.large(found)
    assert "Longer contexts were not looked through." in page
    assert '<svg viewBox="0 0 150 48"' in context_map.small(found)
    found.bands, found.settled = None, []
    assert [[cell.state for cell in row] for row in leaves.rows(found, 200).values()] == [["b", leaves.OPEN]]
