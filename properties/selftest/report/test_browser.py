"""Pages in a real browser: what they compute is what the model computes, and nothing is said or asked for."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from properties.checks.verdict import Requested
from properties.command.main import main
from properties.dossier import gather as gathering
from properties.dossier.dossier import Dossier
from properties.report.page.model import model_page
from properties.selftest.report.browser import Browser
from properties.selftest.report.test_kinds import large
from properties.selftest.report.test_page import HOSTILE, WRONG, dossier, hostile
from reference import Fold
from zoo import Model


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model that fails, one that deviates, one of a domain with an Mlp, and what is too large to hold."""
    folder = tmp_path_factory.mktemp("pages")
    (wrong := folder / "wrong.py").write_text(WRONG)
    main(["report", "two_head", str(wrong), "increment", "reverse", "-o", str(folder / "out"), "--quick"])
    (folder / "out" / "hostile.html").write_text(model_page(dossier(hostile())))
    (folder / "out" / "large.html").write_text(model_page(dossier(large())))
    (folder / "out" / "proved.html").write_text(model_page(dossier(zoo.load("aab", n_ctx=30))))
    return folder / "out"


def test_no_page_says_or_asks_for_anything(browser: Browser, report: Path) -> None:
    pages = sorted(report.iterdir())
    for width, dark, some in ((1280, False, pages), (390, True, pages[:3])):
        browser.dressed(width, dark)
        for page in some:
            browser.open(page)
            assert browser.heard == [], page.name
            assert browser.requested == [page.absolute().as_uri()]
            assert browser.evaluate("document.documentElement.scrollWidth") == width, page.name
    browser.evaluate("console.log('seen')")
    browser.evaluate("fetch('https://example.invalid/').catch(() => null)")  # which the policy refuses, in words
    assert len(browser.heard) >= 2
    browser.dressed()


def computed(model: Model) -> Dossier:
    """As much of a model as its page computes with."""
    found = Dossier(Requested(model.name), model, [])
    for title in ("contexts", "rule", "page"):
        gathering.SECTIONS[title](found)
    return found


# Of each length the contexts in the order of the map: their tokens, the answers' logits, and what the rule permits.
EVERY = """
Array.from({length: zoo.model.n_ctx}, (_, i) => zoo.contexts(i + 1)).filter((some) => some.length).map((some) =>
  some.map((tokens) => {
    const places = zoo.model.every ? tokens.map((_, at) => at) : [tokens.length - 1];
    const permitted = places.map((at) => zoo.permitted(zoo.model.rule, tokens, at));
    return [tokens, zoo.forward(tokens).logits.slice(-places.length), permitted];
  }))
"""
DENSE = {"dense": hostile(), "dense, float32": hostile().astype(np.float32)}  # with gelu, Norms and all biases
SINCE_B = Fold(
    9, lambda n, token: (n + 1) % 3 if token != "b" else 9, lambda n: {"a", "b"} if n == 1 else {"ab"[n // 9]}
)
ONES = Fold("", lambda state, token: (state + token)[-3:], lambda state: {"1"} if state.count("1") > 1 else set())
FOLDS = {
    "fold": replace(zoo.load("ab"), rule=SINCE_B, predictors=()),
    "fold of a domain": replace(zoo.load("increment"), rule=ONES, predictors=()),
}
SMALL = [model.name for model in map(zoo.load, zoo.names()) if model.scope.count() < 6000]


@pytest.mark.parametrize("name", [*SMALL, *DENSE, *FOLDS])
def test_every_context_as_the_page_computes_it(name: str, browser: Browser, tmp_path: Path) -> None:
    """The logits, to 1e-9, and what the rule permits: in every context of the zoo's small models."""
    model = (DENSE | FOLDS).get(name) or zoo.load(name)
    every = model.answers == "every"
    (page := tmp_path / "page.html").write_text(model_page(computed(model)))
    browser.open(page)
    found = browser.evaluate(EVERY)
    assert [len(some) for some in found] == [model.scope.count(length) for length in model.scope.lengths]
    for length, some in zip(model.scope.lengths, found):
        tokens, logits, permitted = (list(each) for each in zip(*some))
        rows = np.array(tokens)
        own = model.astype(np.float64).forward(rows)[:, 0 if every else -1 :]
        np.testing.assert_allclose(np.array(logits), own, rtol=1e-9, atol=1e-9)
        assert len(np.unique(rows, axis=0)) == len(rows)
        for context, said in zip(map(model.decode, rows), permitted):
            assert context in model.scope
            for at, one in zip(range(length) if every else [length - 1], said):
                assert one is not None or name not in FOLDS
                if model.rule is not None and one is not None:  # of a rule that counts there is no tree
                    assert one == _numbers(model, model.rule(*(context, at)[: 1 + every]))
    assert browser.heard == []


def _numbers(model: Model, said: Any) -> list[Any]:
    """What a rule says, as a page has it."""
    if not model.names:
        return [] if said is None else [said]
    return sorted(model.names.index(name) for name in ({said} if isinstance(said, str) else said or ()))


def test_what_the_command_inspects_is_what_the_page_shows(
    browser: Browser, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", "two_head", "aabbab", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["context"]
    browser.open(report / "two_head.html", "#after=aabbab")
    f = "zoo.run([0, 0, 1, 1, 0, 1])"
    np.testing.assert_allclose(browser.evaluate(f"{f}.logits"), found["logits"], rtol=1e-9)
    np.testing.assert_allclose(
        browser.evaluate(f"{f}.heads.map((head) => head.pattern)"),
        [one["weights"] for one in found["attentions"]],
        rtol=1e-9,
    )
    states = browser.evaluate(f"{f}.states.map((state) => state.map((row) => Array.from(row)))")
    np.testing.assert_allclose(states, found["hidden_states"], rtol=1e-9)
    shares = browser.evaluate(f"{f}.shares.map(([name, values]) => [name, values[0]])")
    assert [name for name, _ in shares] == [one["part"] for one in found["shares"]]
    assert browser.evaluate("document.getElementById('said').textContent").startswith("After aabbab it says ")


def test_the_keys_of_the_map(browser: Browser, report: Path) -> None:
    def after(*keys: str) -> str:
        for key in keys:
            browser.press(key)
        value: str = browser.evaluate("document.getElementById('context').value")
        return value

    browser.open(report / "aab_three.html")
    browser.evaluate("document.getElementById('map').focus()")
    assert after() == "bbaa"  # the counterexample, to begin with
    assert after("ArrowUp") == "baa"
    assert after("ArrowUp", "ArrowUp", "ArrowUp") == "a"
    assert after("ArrowRight") == "b"
    assert after("ArrowDown", "ArrowRight") == "bb"
    assert after("ArrowRight") == "bb"  # the end of the row
    assert browser.evaluate("location.hash") == "#after=bb"
    after("Enter")
    assert browser.evaluate("document.activeElement.id") == "context"
    browser.open(report / "increment.html")  # a domain: to what stands above or below
    browser.evaluate("document.getElementById('map').focus()")
    assert len(after("ArrowUp")) == 7
    browser.open(report / "proved.html")
    browser.evaluate("document.getElementById('map').focus()")
    keys = ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight")  # the first is there to begin with
    assert [after(key) for key in keys] == ["a", "aa", "ba", "ab"]
    assert browser.heard == []


def test_what_is_typed(browser: Browser, report: Path) -> None:
    def typed(text: str) -> tuple[str, str]:
        browser.evaluate(
            f"(() => {{ const i = document.getElementById('context'); i.value = {json.dumps(text)};"
            "i.dispatchEvent(new Event('input')); })()"
        )
        said: str = browser.evaluate("document.getElementById('said').textContent")
        return browser.evaluate("document.getElementById('err').textContent"), said

    browser.open(report / "aab_three.html")
    assert typed("bbaa") == ("", "After bbaa it says a, by 1.0862 over b. ✗ rule: b")
    assert typed("bbx")[0] == "“x” is no token: type a, b."
    assert typed("bbbbbaa") == ("Cut to its last 5 tokens, as the model does. ", typed("bbbaa")[1])
    browser.open(report / "increment.html")
    assert typed("=")[0] == "This is outside the domain: nothing is said of it."
    browser.open(report / "hostile.html")
    assert typed(json.dumps([HOSTILE[0], HOSTILE[2]]))[1].startswith(f"After {HOSTILE[0]} ")
    assert browser.evaluate("document.title") == "<b onclick='x'>&amp;: failed"
    assert browser.evaluate("document.querySelectorAll('b[onclick]').length + document.scripts.length") == 2
    assert browser.heard == []


def test_a_page_without_a_script_tells_the_story(browser: Browser, report: Path) -> None:
    browser.dressed(scripts=False)
    try:
        browser.open(report / "aab_three.html")
    finally:
        browser.dressed()
    text = browser.evaluate("document.body.innerText")
    assert "Wrong in 6 of 62 contexts. The shortest is bbaa: it says a, the rule permits b." in text
    assert "After bbaa it says a, permitted is b (logits 2.5431, 1.4569, margin -1.0862)." in text
    assert "zoo show" in text
    assert "random" not in text  # no button that does nothing
    browser.open(report / "aab_three.html")
    assert "random" in browser.evaluate("document.body.innerText")


CONTRAST = r"""
(() => {
  const light = (colour) => {
    const parts = colour.match(/[\d.]+/g).slice(0, 3).map((x) => x / 255);
    const [r, g, b] = parts.map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\)$/.test(colour)) return colour;
    }
  };
  const speaks = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const shown = [...document.querySelectorAll("main *, header *")].filter(
    (element) => element.checkVisibility() && !(element instanceof SVGElement) && speaks(element));
  return shown.map((element) => {
    const [dark, bright] = [getComputedStyle(element).color, behind(element)].map(light).sort((x, y) => x - y);
    return [(bright + 0.05) / (dark + 0.05), element.className, element.textContent.slice(0, 30)];
  }).sort((x, y) => x[0] - y[0])[0];
})()
"""


def test_it_is_legible_in_light_and_dark(browser: Browser, report: Path) -> None:
    """The contrast of text to what is behind it, by the formula of WCAG: 4.5 at least."""
    for dark in (False, True):
        browser.dressed(dark=dark)
        for name in ("aab_three", "two_head", "index"):
            browser.open(report / f"{name}.html")
            least = browser.evaluate(CONTRAST)
            assert least[0] >= 4.5, least
    browser.dressed()


def test_a_report_is_printed_whole(browser: Browser, report: Path) -> None:
    browser.open(report / "two_head.html")
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate("document.querySelectorAll('details:not([open])').length") > 0
