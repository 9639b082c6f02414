"""A report: what its pages say without a script, that they stand alone, and are written whole or not at all."""

import base64
import hashlib
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties.checks.verdict import Requested
from properties.command.main import main
from properties.command.report import write
from properties.dossier import embedded
from properties.dossier import gather as gathering
from properties.dossier.dossier import Dossier, Mutants
from properties.dossier.gather import gather
from properties.report.page.model import SECTIONS, index_page, model_page
from zoo import Attention, Mlp, Model, Norm, Transformer
from zoo.errors import FileError
from zoo.transformer import ACTIVATIONS
from zoo.transformer.arrays import Array

WRONG = """
import zoo
from dataclasses import replace

AAB = zoo.load("aab")
layer = AAB.transformer.layers[0]
layer = replace(layer, w_q=layer.w_q * 3 / 1024, w_o=layer.w_o * 3 / 1024, b_o=layer.b_o * 3 / 1024)
MODEL = replace(AAB, name="aab_three", transformer=replace(AAB.transformer, layers=[layer]))
"""
HOSTILE = ["</script><script>alert(1)</script>", "a&b", "\"'<i>\u202e"]


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    (path := tmp_path / "wrong.py").write_text(WRONG)
    return path


def hostile() -> Model:
    """Dense, with an Mlp and Norms, of tokens and a name that a page must not take for its own."""
    random = np.random.default_rng(0)

    def n(*shape: int) -> Array:
        return random.normal(size=shape)

    norm = Norm(np.ones(6), n(6), 2.0**-10)
    attention = Attention(
        n(2, 6, 3), n(2, 6, 3), n(2, 6, 3), n(2, 3, 6), n(2, 3), n(2, 3), n(2, 3), n(6), True, 0.5, norm
    )
    mlp = Mlp(n(6, 4), n(4), n(4, 6), n(6), "gelu", norm)
    transformer = Transformer(n(3, 6), n(3, 6), [attention, mlp], norm, n(3, 6))
    return Model("<b onclick='x'>&amp;", HOSTILE, transformer, rule=lambda context: {context[-1]})


def dossier(model: Model, others: Sequence[Model] = ()) -> Dossier:
    return gather(Requested(model.name), model, others, quick=True)


def words(page: str) -> str:
    """What a page says without its script: text, a space between elements."""
    body = re.sub(r"<(script|style|title)\b.*?</\1>|<[^>]+>", " ", page.partition("<body>")[2], flags=re.DOTALL)
    return " ".join(html.unescape(body).split())


def test_a_report_of_what_fails_and_what_does_not(
    wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "two_head", str(wrong), "ab", "-o", str(tmp_path / "out"), "--quick"]) == 1
    assert capsys.readouterr().out.endswith(f"written to {tmp_path / 'out' / 'index.html'}\n")
    pages = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert set(pages) == {"index.html", "two_head.html", "aab_three.html", "ab.html"}
    index = re.findall(r'<a href="(\w+\.html)">', pages["index.html"])
    assert index == ["aab_three.html", "two_head.html", "ab.html"]  # what fails first
    said = words(pages["aab_three.html"])
    assert "✗ failed Wrong in 6 of 62 contexts. The shortest is bbaa : it says a , the rule permits b ." in said
    assert "After bbaa it says a, permitted is b (logits 2.5431, 1.4569, margin -1.0862)." in said
    assert "All 6 wrong contexts" in said
    assert "6 of 62 contexts that are judged are wrong" in said
    for file, page in pages.items():
        assert len(page) < 300_000
        assert "http" not in page.replace("http-equiv=", "").replace("http://www.w3.org/2000/svg", "")
        for name in SECTIONS if file != "index.html" else ():
            assert page.count(f'<section id="{name}"') == 1


def test_the_policy_has_the_hashes_of_what_is_there() -> None:
    page = model_page(dossier(zoo.load("ab")))
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)
    [style], scripts = (
        re.findall(r"<style>(.*?)</style>", page, re.DOTALL),
        re.findall(r"<script>(.*?)</script>", page, re.DOTALL),
    )
    assert len(scripts) == 1
    for part in (style, *scripts):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"<[^>]*\s(style|on\w+)=", page)  # which the policy would refuse


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where sets are in another order."""
    line = [sys.executable, "-c", "from properties.command import main; main()"]
    line += ["report", "aab", "reverse", "-o", str(tmp_path / "other"), "--quick"]
    subprocess.run(line, env=os.environ | {"PYTHONHASHSEED": "1"}, check=True, capture_output=True)
    assert main(["report", "aab", "reverse", "-o", str(tmp_path / "one"), "--quick"]) == 0
    one, other = (
        sorted((path.name, path.read_bytes()) for path in (tmp_path / name).iterdir()) for name in ("one", "other")
    )
    assert one == other


def test_whatever_a_name_or_token_is_it_is_text() -> None:
    found = dossier(hostile())
    page, index = model_page(found), index_page([(found, "model.html")])
    for one in (page, index):
        assert "<b onclick" not in one
        assert "alert(1)</script>" not in one
        assert "<i>\u202e" not in one
    assert "<b onclick='x'>&amp;" in words(page)
    assert HOSTILE[0] in words(page)
    [data] = re.findall(r'id="model">(.*?)</script>', page)
    assert json.loads(data)["vocab"] == HOSTILE


def test_files_have_names_of_their_own() -> None:
    from properties.command.report import _names

    assert _names(["a", "A", "../a", "index", "<>", "é/", "con fig"]) == [
        "a.html", "A_2.html", "a_3.html", "index_2.html", "model.html", "model_2.html", "con_fig.html"
    ]  # fmt: skip


def test_what_is_written_is_whole(
    wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert main(["report", "ab", "-o", str(out), "--quick"]) == 0
    before = (out / "ab.html").read_bytes()
    (bad := tmp_path / "bad.py").write_text(
        WRONG.replace("transformer=replace", "rule=lambda c: {'x'}, transformer=replace")
    )
    assert main(["report", "ab", str(bad), "-o", str(out), "--quick"]) == 2
    assert (out / "ab.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.py", "out", "wrong.py"]
    with pytest.raises(FileError, match="cannot be written"):
        write(out, {"index.html": "x", "no/such": "y"})
    assert (out / "ab.html").read_bytes() == before
    with monkeypatch.context() as patched:  # where the new one cannot get its name, the old one has it again
        rename = Path.rename
        refused = iter([False, True, False])
        patched.setattr(Path, "rename", lambda a, b: rename(a, a / "no" / "such" if next(refused) else b))
        with pytest.raises(FileError, match="cannot be written"):
            write(out, {"index.html": "x"})
    assert (out / "ab.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.py", "out", "wrong.py"]
    assert main(["report", str(wrong), "-o", str(out), "--quick"]) == 1  # a report is replaced
    assert sorted(path.name for path in out.iterdir()) == ["aab_three.html", "index.html"]
    capsys.readouterr()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(FileError, match="exists and holds no report"):  # by then
        write(out, {"index.html": "x"})
    assert (out / "mine.txt").read_text() == "mine"
    with pytest.raises(FileError, match="cannot be written: File name too long"):
        write(tmp_path / ("x" * 300), {"index.html": "x"})
    for place, why in ((out, "exists and holds no report"), (tmp_path / "no" / "out", "there is no directory")):
        assert main(["report", "ab", "-o", str(place), "--quick"]) == 2
        assert why in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.py", "out", "wrong.py"]


@pytest.mark.usefixtures("short_rounds")
def test_the_slow_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "EDGE", 16)
    found = gather(Requested("ab"), zoo.load("ab"), [zoo.load("aab")])
    said = words(model_page(found))
    assert re.search(r"Each of the \d+ changes: a weight zeroed", said)
    assert "right at least up to n_ctx 16, the largest that was looked at" in said
    assert re.search(r"From \w+ \([\d.]+ .s\) to \w+ \([\d.]+ .s\): [\d,]+ times less", said)
    assert re.search(r"aab other in \d+ of 62", said)
    monkeypatch.setattr(gathering, "WORK", 0)
    monkeypatch.setattr(gathering, "FEWEST", 5)
    found.model = zoo.load("aab")
    gathering.SLOW["which weights matter"](found)
    assert isinstance(found.mutants, Mutants)
    assert (len(found.mutants.stories), list(found.mutants.caught)) == (5, [])
    assert "5 were drawn of" in words(model_page(found))
    failing = gather(Requested("hostile"), hostile(), [])
    assert "fails its rule after" in words(model_page(failing))  # its mutants say nothing


def test_the_page_computes_with_the_same_operations_and_activations() -> None:
    """Another column of `test_columns`, in another language."""
    from properties.report.page.document import SCRIPT
    from properties.selftest.test_columns import operations

    for name in operations():
        assert re.search(rf"\b(function {name}\(|const {name} = )", SCRIPT), name
    table = SCRIPT.partition("ACTIVATIONS = {")[2].partition("};")[0]
    assert set(re.findall(r"^  (\w+):", table, re.MULTILINE)) == set(ACTIVATIONS) == set(embedded.ACTIVATIONS.values())


def test_a_model_with_deviations_says_what_was_meant() -> None:
    said = words(model_page(dossier(zoo.load("two_head"))))
    assert "Its author meant another: in 14 contexts it does otherwise, the shortest baaa : it says a" in said
    assert "4 to 6 28 0.993295 ≠ 14 not as meant trace aabaaa" in said  # of the rule's patterns
    silent = replace(zoo.load("ab"), rule=None, predictors=(), margin=None, cycle=None, claims=())
    assert "? undecided Not settled: the model states no rule" in words(model_page(dossier(silent)))
