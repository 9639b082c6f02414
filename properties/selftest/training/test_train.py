"""Training: Adam's steps as torch takes them, and what is fitted is verified like any other model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reference
import zoo
from properties import check_model
from zoo import Model, published_figures
from zoo.errors import ContextError, ModelError, RuleError
from zoo.training.backward import gradients, loss
from zoo.training.train import Examples, fit, from_rule, from_text, untrained

TEXT = "aab" * 10


def started(seed: int, **shape: Any) -> Model:
    return Model("trained", "ab", untrained(2, 5, 8, seed=seed, **shape), rule=reference.aab)


def trained(model: Model, examples: Examples, steps: int) -> Model:
    return replace(model, transformer=fit(model.transformer, examples, steps))


def test_what_is_right_on_a_text_may_be_wrong_in_other_contexts() -> None:
    model = started(seed=2)
    after = trained(model, from_text(model, TEXT), steps=150)
    assert published_figures.accuracy(after, TEXT[:29], start=2) == "27 of 27"
    [verdict] = check_model(after, names=["rule"])
    assert verdict.status == "failed"
    assert verdict.detail == "wrong in 4 of 62 contexts"
    assert verdict.counterexample is not None
    assert verdict.counterexample.context == "aaaba"


@pytest.mark.parametrize("shape", [{}, {"heads": 2, "layers": 1, "d_mlp": 8, "norm": True}], ids=["small", "whole"])
def test_what_is_trained_on_every_context_holds_in_every_context(shape: dict[str, Any]) -> None:
    model = started(seed=0, **shape)
    after = trained(model, from_rule(model, reference.aab, model.contexts()), steps=100)
    assert [v.check for v in check_model(after, names=["rule", "float32"]) if not v.passed] == []
    examples = from_rule(model, reference.aab, model.contexts())
    assert loss(after.transformer, *examples) < 0.1 * loss(model.transformer, *examples)


def test_a_step_of_adam_at_first_goes_by_the_sign_alone() -> None:
    model = started(seed=1)
    examples = from_text(model, TEXT)
    after = fit(model.transformer, examples, steps=1, batch=3, rate=0.01).named_arrays()
    chosen = np.random.default_rng(0).integers(3, size=3)  # there are three windows
    found = gradients(model.transformer, examples[0][chosen], examples[1][chosen])[1]
    for name, before in model.transformer.named_arrays().items():
        steep = np.abs(found[name]) > 1e-4
        np.testing.assert_allclose((after[name] - before)[steep], -0.01 * np.sign(found[name])[steep], rtol=1e-3)


def test_adam_is_torch_s() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install handmade-zoo[peers]")
    model = started(seed=1)
    tokens, targets = from_text(model, "aab" * 10)
    tensors = {name: torch.tensor(array) for name, array in model.transformer.named_arrays().items()}
    adam = torch.optim.Adam(tensors.values(), lr=0.02)
    random, transformer = np.random.default_rng(0), model.transformer
    for steps in range(1, 6):
        chosen = random.integers(3, size=3)
        for name, d in gradients(transformer, tokens[chosen], targets[chosen])[1].items():
            tensors[name].grad = torch.tensor(d)
        adam.step()
        transformer = fit(model.transformer, (tokens, targets), steps, rate=0.02)
        for name, array in transformer.named_arrays().items():
            np.testing.assert_allclose(array, tensors[name].numpy(), rtol=1e-5, atol=1e-7)


def test_examples() -> None:
    model = started(seed=0)
    tokens, targets = from_text(model, "aabaab")
    assert tokens.tolist() == [[0, 0, 1, 0, 0]]
    assert targets.tolist() == [[0, 1, 0, 0, 1]]
    tokens, targets = from_rule(model, reference.aab, ["a", "ba", "bb"])
    assert (tokens.tolist(), targets.tolist()) == ([[1, 0, 0, 0, 0]], [[-1, 0, -1, -1, -1]])
    with pytest.raises(RuleError, match="no answer"):
        from_rule(model, reference.aab, ["a", "bb"])
    with pytest.raises(ContextError, match="more than n_ctx, 5"):
        from_text(model, "aabaa")
    with pytest.raises(ContextError, match="token 'c' is unknown"):
        from_text(model, "aabaac")


def test_what_is_no_rule_or_no_example_is_refused() -> None:
    model = started(seed=0)

    def raising(context: str) -> set[str]:
        raise KeyError(context)

    rules: list[tuple[Any, str]] = [
        (raising, "the rule raises KeyError after 'a'"),
        (lambda context: None, "the rule says None after 'a', but should give a set of tokens out of a, b"),
        (lambda context: "a", "the rule says 'a' after 'a'"),
        (lambda context: {"c"}, "the rule says {'c'} after 'a'"),
    ]
    for rule, words in rules:
        with pytest.raises(RuleError, match=words):
            from_rule(model, rule, ["a"])
    with pytest.raises(ContextError, match="'aabaab' should have at most n_ctx, 5, tokens"):
        from_rule(model, reference.aab, ["aabaab"])
    with pytest.raises(ContextError, match="token 'c' is unknown"):
        from_rule(model, reference.aab, ["ac"])
    tokens, targets = from_text(model, TEXT)
    for wrong in ((tokens, targets[:2]), (tokens[:2], targets), (tokens, targets + 2), (tokens[:0], targets[:0])):
        with pytest.raises(ContextError, match="should"):
            fit(model.transformer, wrong, steps=1)
    options: list[dict[str, Any]] = [{"steps": -1}, {"rate": "x"}, {"rate": np.nan}, {"batch": 0}, {"seed": -1}]
    for option in options:
        with pytest.raises(ModelError, match=f"{next(iter(option))} is .*, but should be a"):
            fit(model.transformer, (tokens, targets), **({"steps": 1} | option))


def test_the_hand_built_model_is_right_where_the_trained_one_is_not() -> None:
    assert all(verdict.passed for verdict in check_model(zoo.load("aab"), names=["rule"]))
