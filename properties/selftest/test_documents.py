"""The documents: what is made from the code is up to date, links lead somewhere, and every page and model is named."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import properties
import zoo
from properties.checks.table import CHECKS
from properties.selftest.documents import DOCS, MODULES, NOT_LISTED, PAGES

CHECKOUT = DOCS.parent
PAGES_OF_TEXT = sorted([*CHECKOUT.glob("*.md"), *DOCS.glob("*.md")])
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def broken(page: Path, text: str) -> Iterator[str]:
    """The links of a page that lead nowhere: to no file of the checkout, or to no heading of one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", text)):
        if re.match(r"https?://|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there.read_text())):
            yield target


def anchors(text: str) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_pages_that_are_made_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "make docs"


def test_every_public_name_is_in_the_api() -> None:
    assert {*MODULES["zoo"]} == {*zoo.__all__} - NOT_LISTED
    assert {*MODULES["properties"]} == {*properties.__all__}


@pytest.mark.parametrize("page", PAGES_OF_TEXT, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken(page, page.read_text())) == []


def test_a_link_that_leads_nowhere_would_be_found() -> None:
    links = "[a](nothing.md) [b](proof.md#no-such) [c](proof.md#certificates) [d](#none) `[e](f.md)`"
    text = f"{links}\n# Some: `heading`, two"
    assert list(broken(DOCS / "index.md", text)) == ["nothing.md", "proof.md#no-such", "#none"]
    assert anchors(text) == {"some-heading-two"}


def test_the_index_leads_to_every_page() -> None:
    linked = {*re.findall(r"\]\(([\w-]+\.md)", (DOCS / "index.md").read_text())}
    assert linked == {page.name for page in DOCS.glob("*.md")} - {"index.md"}
    assert "(docs/index.md)" in (CHECKOUT / "README.md").read_text()


def test_every_model_and_check_is_named() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (CHECKOUT / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == zoo.names()
    text = (DOCS / "checks.md").read_text()
    for name, entry in CHECKS.items():
        assert f"| `{name}` | {entry.run.__doc__} |" in text
