"""A certificate is about its function, and about all that it does with a context."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reference
import zoo
from properties.proof.certificate import certify
from properties.selftest.proof.certificates import certificate, of_length, structure
from zoo import Model, Transformer
from zoo.errors import CertificateError, MismatchError


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
    with pytest.raises(CertificateError, match="is skipped, but something is right"):
        structure(made, model, reference.third_previous)
    made["function"]["name"] = "swallows_everything"
    with pytest.raises(MismatchError, match="digest of the function's source"):
        structure(made, model, swallows_everything)


def test_a_function_that_swallows_what_the_blindfold_raises() -> None:
    model = zoo.load("ab")
    made = certificate(model, swallows_everything)
    structure(made, model, swallows_everything)
    position, *parts = of_length(made, 5)
    assert position == -1
    made["roots"][4] = parts[1][1]
    with pytest.raises(CertificateError, match="reads more than the leaf"):
        structure(made, model, swallows_everything)


def tells_a_blindfold(context: Any) -> str:
    return ("b" if context[-1] == "a" else "a") if type(context) is str else "a"


def test_a_function_that_tells_a_blindfold_from_a_context() -> None:
    model = zoo.load("ab")
    made = certificate(model, swallows_everything)
    made["function"]["name"] = "tells_a_blindfold"
    made["roots"][1] = of_length(made, 2)[2][1]
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
    made["roots"][2] = made["nodes"].index(["proved", 0])
    with pytest.raises(CertificateError, match="stumbles over a context of which not all is known"):
        structure(made, model, swallows_re)
