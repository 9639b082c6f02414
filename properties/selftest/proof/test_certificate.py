"""Certificates are confirmed by a checker of its own, and refused where anything was changed."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

import reference
import zoo
from properties.proof import certificate as certificate_of
from properties.proof.certificate import certify, source_digest, write
from properties.recheck import recheck
from properties.selftest.counted_boxes import counting_rule, random_fold
from properties.selftest.examples import assert_occurred, many
from properties.selftest.extreme_rules import Executed
from properties.selftest.models import NAMES, ab
from properties.selftest.proof.certificates import Json, certificate, kinds, needs_flint, structure
from properties.selftest.proof.test_folds import BRACKETS
from properties.selftest.random_models import transformers
from zoo import Attention, Model, Transformer, contexts, forward
from zoo.domain import Domain, Layout
from zoo.errors import CertificateError, MismatchError, RuleError, ZooError


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_certificates_of_the_zoo_are_confirmed(name: str, dtype: str) -> None:
    model = zoo.load(name)
    every = sum(len(model.vocab) ** n for n in range(1, model.n_ctx + 1))
    for function in (model.rule, *model.predictors):
        assert function is not None
        made = certificate(replace(model, transformer=model.transformer.astype(dtype)), function)
        assert structure(made, model, function) == every
        if find_spec("flint") is not None:
            found = recheck(made, model, function)
            assert found.contexts == every
            assert found.bounds == kinds(made, model, function).count("proved") > 0
            assert found.runs + found.undecided_runs == 0
            assert made["margin"] <= found.margin < made["margin"] * (1 + (2e-6 if dtype == "float64" else 2e-4))


COUNTING = counting_rule, random_fold


class Observed:
    """What a transformer was seen to say after contexts of a length and a last token."""

    def __init__(self, transformer: Transformer, vocab: str) -> None:
        self.vocab, self.said = vocab, dict[tuple[int, str], set[str]]()
        for tokens in contexts.batches(len(vocab), transformer.n_ctx):
            for row, logits in zip(tokens, forward(transformer, tokens, last=True)[:, -1]):
                key = len(row), vocab[row[-1]]
                self.said.setdefault(key, set()).add(vocab[logits.argmax()])

    def __call__(self, context: Any) -> set[str]:
        return self.said[len(context), next(token for token in self.vocab if context[-1] == token)]


@pytest.mark.soundness
@needs_flint
def test_what_is_certified_of_random_models_is_confirmed() -> None:
    """Behind Norms the checker's own bound may be lower than the prover's: it says so, and refuses. That is rare."""
    seen: Counter[str] = Counter()

    @many(40)
    @given(transformers(max_vocab=3, max_n_ctx=4), st.integers(0, 2**32 - 1))
    def each(transformer: Transformer, seed: int) -> None:
        vocab = "abc"[: len(transformer.token_embedding)]
        with np.errstate(all="ignore"):
            made_so = (Observed(transformer, vocab), *(of(Executed(transformer), seed)[0] for of in COUNTING))
            model = Model("random", vocab, transformer, made_so[seed % 3])
            assert model.rule is not None
            _, made = certify(model, model.rule, max_boxes=1000)
        if made is None:
            seen["not certified"] += 1
            return
        made = json.loads(json.dumps(made))
        try:
            found = recheck(made, model, model.rule)
        except CertificateError as error:
            seen["refused"] += 1
            event(f"refused: {error}")
            return
        seen["confirmed"] += 1
        seen.update({f"by {node[0]}" for node in made["nodes"] if node[0] in ("count", "says")})
        attentions = sum(isinstance(layer, Attention) for layer in transformer.layers)
        event(f"{attentions} attention layers, {transformer.dtype}: confirmed")
        event(f"runs: {found.runs > 0}, by a run alone: {found.undecided_runs > 0}")
        assert found.bounds == kinds(made, model, model.rule).count("proved")
        # That of a run, a bound for any order of summation may be below.
        assert found.margin >= made["margin"] or found.runs + found.undecided_runs

    each()
    assert seen["refused"] <= 1 + seen["confirmed"] // 100, seen
    assert_occurred(seen, "confirmed", "not certified", least=8)
    assert_occurred(seen, "by count")


@needs_flint
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["majority", "parity", "brackets"])
def test_what_was_proved_by_counting_is_confirmed(name: str, dtype: str) -> None:
    """By few leaves, and with no less than what was proved."""
    model = zoo.load(name, n_ctx=12).astype(dtype)
    model = replace(model, rule=BRACKETS, margin=None) if name == "brackets" else model
    assert model.rule is not None
    made = certificate(model, model.rule)
    found = recheck(made, model, model.rule)
    assert (found.contexts, found.runs + found.undecided_runs) == (2**13 - 2, int(name == "brackets"))
    assert found.leaves < 12 * 13
    assert made["margin"] <= found.margin < made["margin"] * (1 + (2e-6 if dtype == "float64" else 2e-4))


@needs_flint
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["reverse", "share", "mirror", "automaton"])
def test_answers_at_every_position_of_a_domain_and_of_numbers_are_confirmed(name: str, dtype: str) -> None:
    model = zoo.load(name).astype(dtype)
    assert model.rule is not None
    made = certificate(model, model.rule)
    found = recheck(made, model, model.rule)
    lengths = range(1, model.n_ctx + 1)
    number = sum(model.scope.count(n) * (n if model.answers == "every" else 1) for n in lengths)
    assert (found.contexts, found.runs + found.undecided_runs) == (number, 0)
    assert made["margin"] <= found.margin < made["margin"] * (1 + (2e-6 if dtype == "float64" else 2e-4))
    answers = "last" if model.answers == "every" else "every"
    for name, other in (("answers", answers), ("within", 1.0), ("outputs", ["a"])):
        with pytest.raises(MismatchError, match=f"the certificate's {name} is"):
            recheck({**made, name: other}, model, model.rule)


def scaled(model: Model) -> Transformer:
    return replace(model.transformer, position_embedding=model.transformer.position_embedding * 1.5)


def unmasked(model: Model) -> Transformer:
    attention = model.transformer.layers[0]
    assert isinstance(attention, Attention)
    return replace(model.transformer, layers=[replace(attention, causal=False)])


@pytest.mark.parametrize("change", [scaled, unmasked])
def test_a_certificate_is_about_its_arrays(change: Callable[[Model], Transformer]) -> None:
    model = zoo.load("aab")
    made = certificate(model, reference.aab)
    with pytest.raises(MismatchError, match="digest of the arrays"):
        structure(made, replace(model, transformer=change(model)), reference.aab)


def alike(context: Any) -> str:
    return "a"


def narrow(margin: float) -> tuple[Model, Json]:
    """Every context was run: the answer wins by about as much as the prover's rounding, and by little else."""
    embedding = np.array([[1 + 2.0**-52], [1]])
    transformer = Transformer(embedding, np.zeros((2, 1)), [], unembedding=np.array([[1 + margin], [1]]))
    model = Model("narrow", "ab", transformer, alike)  # it is a predictor
    made = certificate(model, alike)
    assert kinds(made, model, alike) == ["run"] * 6
    return model, made


@needs_flint
def test_what_rests_on_a_run_alone_is_counted() -> None:
    for margin, runs, undecided_runs in [(2.0**-51, 6, 0), (2.0**-52, 0, 6)]:
        model, made = narrow(margin)
        found = recheck(made, model, alike)
        assert (found.leaves, found.contexts, found.bounds) == (6, 6, 0)
        assert (found.runs, found.undecided_runs) == (runs, undecided_runs)


@needs_flint
def test_a_proved_leaf_of_one_context_may_be_taken_for_a_run() -> None:
    """And is confirmed all the same; but its margin is not below the one that is stated."""
    model = zoo.load("aab", n_ctx=1)
    made = certificate(model, reference.aab_assembly)
    made["nodes"] = [["run"] if node[0] == "proved" else node for node in made["nodes"]]
    found = recheck(made, model, reference.aab_assembly)
    assert (found.leaves, found.bounds, found.runs, found.undecided_runs) == (2, 0, 2, 0)
    made["margin"] = found.margin + 1e-6
    with pytest.raises(CertificateError, match="below the one stated"):
        recheck(made, model, reference.aab_assembly)


@needs_flint
def test_a_run_that_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, made = narrow(2.0**-51)
    monkeypatch.setattr("properties.recheck.confirm.forward", lambda t, tokens, last: np.array([[[1.0, 1.0]]]))
    with pytest.raises(CertificateError, match="the model is wrong at the leaf"):
        recheck(made, model, alike)


def test_no_certificate_of_what_is_wrong() -> None:
    proof, made = certify(zoo.load("two_head"), reference.aab_or_third_previous)
    assert (proof.status, made) == ("failed", None)


def determines_nothing(context: Any) -> set[str]:
    return set()


def test_no_certificate_of_what_determines_nothing() -> None:
    assert certify(zoo.load("aab"), determines_nothing)[1] is None


def test_a_margin_is_rounded_down() -> None:
    assert certificate_of.rounded_down(1022.9999998) == 1022.998
    assert certificate_of.rounded_down(1.0) == 0.999999
    assert certificate_of.rounded_down(np.inf) == 1.797691e308
    for margin in (5e-324, 1e-310, 3.7e-5, 123456789.123, 1e300):
        assert 0 < certificate_of.rounded_down(margin) <= margin
        assert certificate_of.rounded_down(margin) > margin * (1 - 1e-5) - 5e-324
        assert len(repr(certificate_of.rounded_down(margin))) <= 14 or margin < 1e-300


def test_a_certificate_says_what_it_is_about() -> None:
    made = certificate(zoo.load("aab", n_ctx=3), reference.aab)
    assert (made["format"], made["model"], made["n_ctx"], made["dtype"], made["vocab"]) == (
        2,
        "aab",
        3,
        "float64",
        [*"ab"],
    )
    assert made["function"]["name"] == "aab"
    assert set(made["versions"]) == {"handmade-zoo", "numpy", "python"}


def test_the_checker_shares_no_code_with_the_prover() -> None:
    import properties.recheck

    for file in Path(properties.recheck.__file__).parent.glob("*.py"):
        imports = [line for line in file.read_text().splitlines() if line.lstrip().startswith(("import ", "from "))]
        assert not [line for line in imports if "properties" in line and "from properties.recheck" not in line]


def test_a_certificate_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    deep: Json = {}
    for _ in range(100_000):
        deep = {"to": deep}
    for content, path, why in [({}, tmp_path / "none" / "c", "No such file"), (deep, tmp_path / "c", "too deeply")]:
        with pytest.raises(ZooError, match=why):
            write(content, path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("function", [set, len, eval("lambda context: {'a'}")], ids=["class", "built in", "no file"])
def test_what_has_no_source_file_is_not_certified(function: Callable[..., Any]) -> None:
    with pytest.raises(RuleError, match="has no source file, but should be defined in one to be certified"):
        source_digest(function)


def test_there_is_a_root_for_each_layout() -> None:
    a, b, either = frozenset("a"), frozenset("b"), frozenset("ab")
    model = replace(ab.build(3), domain=Domain((Layout((a, either), 1), Layout((b, either, either), 1))))
    made = certificate(model, reference.ab)
    assert len(made["roots"]) == 2 + 2 + 1
    pytest.importorskip("flint", reason="python-flint is not installed: pip install handmade-zoo[proof]")
    assert recheck(made, model, reference.ab).contexts == 2 + 4 + 4
