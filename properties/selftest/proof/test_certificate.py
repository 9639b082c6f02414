"""Certificates are confirmed by a checker of its own, and refused where anything was changed."""

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
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
from properties.proof.certificate import certify, write
from properties.recheck import Rechecked, recheck
from properties.recheck.program import Program
from properties.recheck.tree import about, confirmed_leaves
from properties.selftest.examples import assert_occurred, many
from properties.selftest.models import NAMES, two_head
from properties.selftest.random_models import transformers
from zoo import Attention, Model, Transformer, contexts, forward
from zoo.errors import CertificateError, MismatchError, ZooError

needs_flint = pytest.mark.skipif(find_spec("flint") is None, reason="python-flint is not installed")
Json = dict[str, Any]


def certificate(model: Model, function: Callable[[Any], Any]) -> Json:
    """As it comes back from a file."""
    _, made = certify(model, function)
    assert made is not None
    back: Json = json.loads(json.dumps(made))
    return back


def structure(made: Json, model: Model, function: Callable[[Any], Any]) -> int:
    """All that is confirmed without python-flint; how many contexts that covers."""
    transformer = about(made, model, function)
    attentions = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    heads = attentions[-1].sizes["head"] if attentions else 0
    every = [confirmed_leaves(made["trees"][str(n)], model, function, heads, n) for n in range(1, model.n_ctx + 1)]
    return sum(leaf.contexts for its in every for leaf in its)


def nodes(made: Json, kind: str = "proved") -> Iterator[Json]:
    """The leaves of a kind, of the longest contexts first."""
    todo = [tree for _, tree in sorted(made["trees"].items(), key=lambda item: int(item[0]))]
    while todo:
        node = todo.pop()
        if "to" in node:
            todo += [child for _, child in node["to"]]
        elif node["is"] == kind:
            yield node


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
            assert found.bounds == len(list(nodes(made))) > 0
            assert found.runs + found.undecided_runs == 0
            assert made["margin"] <= found.margin < made["margin"] + 1e-3 * (dtype == "float32") + 1e-9


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

    @many(60)
    @given(transformers(max_vocab=3, max_n_ctx=4))
    def each(transformer: Transformer) -> None:
        vocab = "abc"[: len(transformer.token_embedding)]
        with np.errstate(all="ignore"):
            model = Model("random", vocab, transformer, Observed(transformer, vocab))
            assert model.rule is not None
            _, made = certify(model, model.rule, max_seconds=1)
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
        attentions = sum(isinstance(layer, Attention) for layer in transformer.layers)
        event(f"{attentions} attention layers, {transformer.dtype}: confirmed")
        event(f"runs: {found.runs > 0}, by a run alone: {found.undecided_runs > 0}")
        assert found.bounds == len(list(nodes(made)))
        # That of a run, a bound for any order of summation may be below.
        assert found.margin >= made["margin"] or found.runs + found.undecided_runs

    each()
    assert seen["refused"] <= 1 + seen["confirmed"] // 100, seen
    assert_occurred(seen, "confirmed", least=15)


def remove_a_leaf(c: Json) -> None:
    c["trees"]["5"]["to"].pop()


def give_a_leaf_twice(c: Json) -> None:
    c["trees"]["5"]["to"].append(c["trees"]["5"]["to"][0])


def cover_half_twice(c: Json) -> None:
    """As many contexts as there should be, but not the same."""
    c["trees"]["5"]["to"][1] = c["trees"]["5"]["to"][0]


def forget_a_length(c: Json) -> None:
    del c["trees"]["4"]


def split_elsewhere(c: Json) -> None:
    c["trees"]["5"]["at"] = 0


def split_beyond(c: Json) -> None:
    c["trees"]["5"]["at"] = 5


def raise_a_margin(c: Json) -> None:
    next(nodes(c))["margin"] += 1e-6


def raise_the_smallest_margin(c: Json) -> None:
    c["margin"] += 1e-6


def swap_an_answer(c: Json) -> None:
    leaf = next(nodes(c))
    leaf["answer"] = "b" if leaf["answer"] == "a" else "a"


def swap_an_answer_and_what_is_permitted(c: Json) -> None:
    swap_an_answer(c)
    next(nodes(c))["permitted"] = [next(nodes(c))["answer"]]


def permit_everything(c: Json) -> None:
    next(nodes(c))["permitted"] = ["a", "b"]


def skip_a_leaf(c: Json) -> None:
    next(nodes(c))["is"] = "skipped"


def claim_to_have_run(c: Json) -> None:
    next(nodes(c))["is"] = "run"


def prune_a_split(c: Json) -> None:
    """One leaf for both tokens: the rule wants to know which."""
    c["trees"]["5"] = next(nodes(c))


def claim_another_dtype(c: Json) -> None:
    c["dtype"] = "float32"


def claim_another_n_ctx(c: Json) -> None:
    c["n_ctx"] = 4


def claim_another_function(c: Json) -> None:
    c["function"]["name"] = "aab_or_third_previous"


STRUCTURAL = [
    remove_a_leaf,
    give_a_leaf_twice,
    cover_half_twice,
    forget_a_length,
    split_elsewhere,
    split_beyond,
    swap_an_answer,
    swap_an_answer_and_what_is_permitted,
    permit_everything,
    skip_a_leaf,
    claim_to_have_run,
    prune_a_split,
    claim_another_dtype,
    claim_another_n_ctx,
    claim_another_function,
]


@pytest.mark.parametrize("tamper", STRUCTURAL)
def test_a_tampered_certificate_is_refused(tamper: Callable[[Json], None]) -> None:
    model = zoo.load("aab")
    made = certificate(model, reference.aab_assembly)
    assert structure(made, model, reference.aab_assembly) == 62
    tamper(made)
    with pytest.raises(CertificateError):
        structure(made, model, reference.aab_assembly)


@needs_flint
@pytest.mark.parametrize("tamper", [raise_a_margin, raise_the_smallest_margin])
@pytest.mark.parametrize("name", NAMES)
def test_a_margin_that_was_raised_is_refused(tamper: Callable[[Json], None], name: str) -> None:
    model = zoo.load(name)
    made = certificate(model, model.rule)  # type: ignore[arg-type]  # there is one
    tamper(made)
    with pytest.raises(CertificateError, match="the margin of"):
        recheck(made, model, model.rule)  # type: ignore[arg-type]


@needs_flint
@pytest.mark.parametrize("name", [name for name in NAMES if name != "ab"])  # which has no attention, and no levels
@pytest.mark.parametrize(("nudge", "sentence"), [(-1e-6, "is not confirmed"), (1e-6, "but confirmed is")])
def test_a_level_that_was_nudged_is_refused(name: str, nudge: float, sentence: str) -> None:
    model = zoo.load(name)
    made = certificate(model, model.rule)  # type: ignore[arg-type]
    for h in range(len(next(nodes(made))["levels"])):
        nudged = copy.deepcopy(made)
        for row in next(nodes(nudged))["levels"][h]:
            row[:] = [level + nudge for level in row]
        with pytest.raises(CertificateError, match=sentence):
            recheck(nudged, model, model.rule)  # type: ignore[arg-type]


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


def swallows_everything(context: Any) -> str:
    try:
        return "b" if context[-1] == "a" else "a"
    except:  # noqa: E722
        return "a"


def test_a_certificate_is_about_its_function() -> None:
    model = zoo.load("aab")
    made = certificate(model, reference.aab)
    with pytest.raises(MismatchError, match="function"):
        structure(made, model, reference.third_previous)
    made["function"]["name"] = "third_previous"  # of the same file
    with pytest.raises(CertificateError, match="should permit"):
        structure(made, model, reference.third_previous)
    made["function"]["name"] = "swallows_everything"
    with pytest.raises(MismatchError, match="digest of the function's source"):
        structure(made, model, swallows_everything)


def test_a_function_that_swallows_what_the_blindfold_raises() -> None:
    model = zoo.load("ab")
    made = certificate(model, swallows_everything)
    structure(made, model, swallows_everything)
    leaf = made["trees"]["5"]["to"][1][1]
    assert leaf["permitted"] == ["a"]
    made["trees"]["5"] = leaf
    with pytest.raises(CertificateError, match="reads more than the leaf"):
        structure(made, model, swallows_everything)


def tells_a_blindfold(context: Any) -> str:
    return ("b" if context[-1] == "a" else "a") if type(context) is str else "a"


def test_a_function_that_tells_a_blindfold_from_a_context() -> None:
    model = zoo.load("ab")
    made = certificate(model, swallows_everything)
    made["function"]["name"] = "tells_a_blindfold"
    made["trees"]["2"] = made["trees"]["2"]["to"][1][1]
    with pytest.raises(CertificateError, match="something else after"):
        structure(made, model, tells_a_blindfold)


def swallows_re(context: Any) -> str:
    try:
        return "b" if re.fullmatch("(ab)*aabb", context) else "a"
    except Exception:
        return "a"


def test_a_function_that_swallows_what_c_code_raises() -> None:
    """On nothing but real contexts it is what it is; a leaf that says less is refused."""
    always_a = Transformer(np.array([[1.0], [1.0]]), np.zeros((5, 1)), [], unembedding=np.array([[1.0], [0.0]]))
    model = Model("always_a", "ab", always_a, predictors=[swallows_re])
    assert certify(model, swallows_re)[0].status == "failed"
    model = replace(model, transformer=replace(always_a, position_embedding=np.zeros((3, 1))))
    made = certificate(model, swallows_re)
    structure(made, model, swallows_re)
    leaf = next(nodes(made, "proved"))
    made["trees"]["3"] = leaf
    with pytest.raises(CertificateError, match="stumbles over a context of which not all is known"):
        structure(made, model, swallows_re)


def alike(context: Any) -> str:
    return "a"


def narrow(margin: float) -> tuple[Model, Json]:
    """Every context was run: the answer wins by about as much as the prover's rounding, and by little else."""
    embedding = np.array([[1 + 2.0**-52], [1]])
    transformer = Transformer(embedding, np.zeros((2, 1)), [], unembedding=np.array([[1 + margin], [1]]))
    model = Model("narrow", "ab", transformer, alike)  # type: ignore[arg-type]  # it is a predictor
    made = certificate(model, alike)
    assert len(list(nodes(made, "run"))) == 6
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
    """And is confirmed all the same; but its margin is not below the smallest stated."""
    model = zoo.load("aab")
    made = certificate(model, reference.aab_assembly)
    first = made["trees"]["1"]["to"][0][1]
    first["is"] = "run"
    found = recheck(made, model, reference.aab_assembly)
    assert (found.leaves, found.bounds, found.runs, found.undecided_runs) == (14, 13, 1, 0)
    made["margin"] = first["margin"] + 1e-6
    for leaf in nodes(made):
        leaf["margin"] = made["margin"]
    with pytest.raises(CertificateError, match="below the smallest stated"):
        recheck(made, model, reference.aab_assembly)


@needs_flint
def test_a_run_that_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, made = narrow(2.0**-51)
    monkeypatch.setattr("properties.recheck.forward", lambda t, tokens, last: np.array([[[1.0, 1.0]]]))
    with pytest.raises(CertificateError, match="the model is wrong at the leaf"):
        recheck(made, model, alike)


def test_no_certificate_of_what_is_wrong() -> None:
    proof, made = certify(zoo.load("two_head"), reference.aab_or_third_previous)
    assert (proof.status, made) == ("failed", None)


def determines_nothing(context: Any) -> set[str]:
    return set()


def test_no_certificate_of_what_determines_nothing() -> None:
    assert certify(zoo.load("aab"), determines_nothing)[1] is None


def test_a_certificate_says_what_it_is_about() -> None:
    made = certificate(zoo.load("aab", n_ctx=3), reference.aab)
    assert (made["format"], made["model"], made["n_ctx"], made["dtype"], made["vocab"]) == (
        1,
        "aab",
        3,
        "float64",
        [*"ab"],
    )
    assert made["function"]["name"] == "aab"
    assert set(made["versions"]) == {"handmade-zoo", "numpy", "python"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "b", "proved", "run", "", "c"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["at", "to", "is", "a"]), inner, max_size=3)
    ),
    max_leaves=5,
)
MADE = certificate(two_head.MODEL, reference.two_head_as_built)


def mutate(data: st.DataObject, made: Json) -> None:
    """Changes one thing somewhere in it, mostly in its trees."""
    node: Any = made if not made.get("trees") or data.draw(st.integers(0, 9)) == 0 else made["trees"]
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], list | dict) and node[key] and data.draw(st.integers(0, 9)):
            node = node[key]
            continue
        match data.draw(st.sampled_from(["replace", "remove", "double"])):
            case "replace":
                node[key] = data.draw(VALUES)
            case "remove":
                del node[key]
            case "double" if isinstance(node, list):
                node.append(node[key])
        return


def test_a_certificate_that_is_no_certificate_is_refused_in_a_sentence(outcomes: Counter[str]) -> None:
    """Whatever is changed in one, it is confirmed all the same or refused: nothing else is raised."""
    model = zoo.load("two_head")
    confirm: Any = recheck if find_spec("flint") is not None else structure

    @many(100)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        made = copy.deepcopy(MADE)
        for _ in range(data.draw(st.integers(1, 2))):
            mutate(data, made)
        try:
            found = confirm(made, model, reference.two_head_as_built)
        except ZooError as error:
            refused = error
        else:
            outcomes["confirmed"] += 1
            assert (found.contexts if isinstance(found, Rechecked) else found) == 126
            return
        outcomes[f"refused: {type(refused).__name__}"] += 1
        assert "\n" not in str(refused)

    check()
    assert_occurred(outcomes, "confirmed", "refused: CertificateError")


def levels_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "excess", lambda self, keys, level: (self.zero, self.zero))


def margins_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("properties.recheck._proved", lambda margins, leaf, model: leaf.margin)


@needs_flint
@pytest.mark.parametrize(
    ("fault", "test"),
    [
        (levels_not_checked, lambda: test_a_level_that_was_nudged_is_refused("aab", -1e-6, "is not confirmed")),
        (margins_not_checked, lambda: test_a_level_that_was_nudged_is_refused("aab", 1e-6, "but confirmed is")),
        (margins_not_checked, lambda: test_a_margin_that_was_raised_is_refused(raise_a_margin, "induction")),
    ],
)
def test_a_fault_planted_in_the_checker_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], test: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test()


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
