"""Certificates are confirmed by a checker of its own, and refused where anything was changed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
import zoo
from properties.certificate import certify, write
from properties.recheck import CertificateError, recheck
from zoo import Model

pytest.importorskip("flint")


def certificate(model: Model, function: Callable[[Any], Any], path: Path) -> dict[str, Any]:
    """As it comes back from a file."""
    _, made = certify(model, function)
    assert made is not None
    write(made, path / "certificate.json")
    back: dict[str, Any] = json.loads((path / "certificate.json").read_text())
    return back


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.load(name).rule is not None])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_certificates_of_the_zoo_are_confirmed(name: str, dtype: type, tmp_path: Path) -> None:
    model = zoo.load(name)
    model = replace(model, transformer=model.transformer.astype(dtype))
    for function in (model.rule, *model.predictors):
        assert function is not None
        found = recheck(certificate(model, function, tmp_path), model, function)
        assert found.contexts == sum(len(model.vocab) ** n for n in range(1, model.n_ctx + 1))
        assert (found.bounds > 0) == (name not in ("ab", "induction"))


def leaf_of(node: dict[str, Any], kind: str = "proved") -> dict[str, Any]:
    while "to" in node:
        node = next(child for _, child in node["to"] if "to" in child or child["is"] == kind)
    return node


def remove_a_leaf(c: dict[str, Any]) -> None:
    c["trees"]["5"]["to"].pop()


def give_a_leaf_twice(c: dict[str, Any]) -> None:
    c["trees"]["5"]["to"].append(c["trees"]["5"]["to"][0])


def cover_half_twice(c: dict[str, Any]) -> None:
    """As many contexts as there should be, but not the same."""
    c["trees"]["5"]["to"][1] = c["trees"]["5"]["to"][0]


def forget_a_length(c: dict[str, Any]) -> None:
    del c["trees"]["4"]


def lower_a_level(c: dict[str, Any]) -> None:
    leaf_of(c["trees"]["5"])["levels"][0][0][0] -= 1e-6
    leaf_of(c["trees"]["5"])["levels"][0][1][0] -= 1e-6


def raise_a_level(c: dict[str, Any]) -> None:
    leaf_of(c["trees"]["5"])["levels"][0][0][0] += 1e-3
    leaf_of(c["trees"]["5"])["levels"][0][1][0] += 1e-3


def raise_a_margin(c: dict[str, Any]) -> None:
    leaf_of(c["trees"]["5"])["margin"] += 1e-3


def raise_the_smallest_margin(c: dict[str, Any]) -> None:
    c["margin"] += 1e-3


def swap_an_answer(c: dict[str, Any]) -> None:
    leaf = leaf_of(c["trees"]["5"])
    leaf["answer"] = "b" if leaf["answer"] == "a" else "a"


def permit_everything(c: dict[str, Any]) -> None:
    leaf = leaf_of(c["trees"]["5"])
    leaf["permitted"] = ["a", "b"]


def skip_a_leaf(c: dict[str, Any]) -> None:
    leaf_of(c["trees"]["5"])["is"] = "skipped"


def claim_to_have_run(c: dict[str, Any]) -> None:
    leaf_of(c["trees"]["5"])["is"] = "run"


def prune_a_split(c: dict[str, Any]) -> None:
    """One leaf for both tokens: the rule wants to know which."""
    c["trees"]["5"] = leaf_of(c["trees"]["5"])


def claim_another_dtype(c: dict[str, Any]) -> None:
    c["dtype"] = "float32"


TAMPERINGS = [
    remove_a_leaf,
    give_a_leaf_twice,
    cover_half_twice,
    forget_a_length,
    lower_a_level,
    raise_a_level,
    raise_a_margin,
    raise_the_smallest_margin,
    swap_an_answer,
    permit_everything,
    skip_a_leaf,
    claim_to_have_run,
    prune_a_split,
    claim_another_dtype,
]


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_a_tampered_certificate_is_refused(tamper: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    model = zoo.load("aab")
    made = certificate(model, reference.aab_assembly, tmp_path)
    recheck(made, model, reference.aab_assembly)
    tamper(made)
    with pytest.raises(CertificateError):
        recheck(made, model, reference.aab_assembly)


def test_a_certificate_is_about_its_model_and_function(tmp_path: Path) -> None:
    model = zoo.load("aab")
    made = certificate(model, reference.aab, tmp_path)
    other = replace(model.transformer, position_embedding=model.transformer.position_embedding * 1.5)
    with pytest.raises(CertificateError, match="digest of the arrays"):
        recheck(made, replace(model, transformer=other), reference.aab)
    with pytest.raises(CertificateError, match="digest of the function's source"):
        recheck(made, model, reference.aab_assembly)
    with pytest.raises(CertificateError, match="tokens permitted at the leaf"):
        recheck(made, model, reference.third_previous)  # of the same file
    attention = model.transformer.layers[0]
    assert isinstance(attention, zoo.Attention)
    unmasked = replace(model.transformer, layers=[replace(attention, causal=False)])
    with pytest.raises(CertificateError, match="digest of the arrays"):
        recheck(made, replace(model, transformer=unmasked), reference.aab)


def swallows_everything(context: Any) -> str:
    try:
        return "b" if context[-1] == "a" else "a"
    except:  # noqa: E722
        return "a"


def test_a_function_that_swallows_what_the_blindfold_raises(tmp_path: Path) -> None:
    model = zoo.load("ab")
    made = certificate(model, swallows_everything, tmp_path)
    recheck(made, model, swallows_everything)
    leaf = leaf_of(made["trees"]["5"]["to"][1][1])
    assert leaf["permitted"] == ["a"]
    made["trees"]["5"] = leaf
    with pytest.raises(CertificateError, match="reads more than the leaf"):
        recheck(made, model, swallows_everything)


def test_no_certificate_of_what_is_wrong() -> None:
    proof, made = certify(zoo.load("two_head"), reference.aab_or_third_previous)
    assert (proof.status, made) == ("failed", None)


def test_the_checker_shares_no_code_with_the_prover() -> None:
    import properties.recheck

    source = Path(properties.recheck.__file__).read_text()
    assert "import properties" not in source
    assert "from properties" not in source
