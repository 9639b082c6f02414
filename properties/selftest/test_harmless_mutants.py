"""The list of changes that no test need miss names what there is; what survives is found by `make mutants`."""

from pathlib import Path

import pytest

from properties.selftest.mutants.harmless import Change, Harmless, fault, listed

CHECKOUT = Path(__file__).parents[2]
CHANGE = Change("m.py", "f", "return a + b", "return a")


def test_every_entry_applies() -> None:
    assert [found for entry in listed() if (found := fault(entry, CHECKOUT))] == []


@pytest.mark.parametrize(
    ("text", "kind", "applies"),
    [
        ("def f(a, b):\n    return a  +  b\n", "tightness", True),
        ("def f(a, b):\n    return b + a\n", "tightness", False),
        ("def g(a, b):\n    return a + b\n", "tightness", False),
        ("def f(a, b):\n    return a + b\n", "whatever", False),
    ],
)
def test_an_entry_that_does_not_apply_is_found(tmp_path: Path, text: str, kind: str, applies: bool) -> None:
    (tmp_path / "m.py").write_text(text)
    assert (fault(Harmless(CHANGE, kind, "a reason"), tmp_path) is None) == applies
    assert fault(Harmless(CHANGE, kind, " "), tmp_path) is not None


def test_a_change_is_known_by_its_text() -> None:
    diff = "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def f(a, b):\n-    return a + b\n+    return a"
    assert Change.of("m.py", "f", diff) == CHANGE
