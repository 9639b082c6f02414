"""The frame of a page, and the small pieces that all sections are made of. Whatever is a model's own is escaped."""

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import Any

from properties.dossier.dossier import Missing
from zoo.contexts import Context, written
from zoo.digits import at_least
from zoo.errors import printable

GENERATOR = "zoo report"  # by which a directory is known to hold one
GLYPHS = {"holds": "✓", "deviates": "≠", "failed": "✗", "undecided": "?"}
WORDS = {"holds": "holds", "deviates": "deviates as stated", "failed": "failed", "undecided": "undecided"}
FOLDER = files("properties.report.page")
STYLE = (FOLDER / "style.css").read_text(encoding="utf-8")
PARTS = ("forward.js", "draw.js", "map.js", "trace.js", "page.js")
SCRIPT = f"(() => {{\n'use strict';\n{''.join((FOLDER / part).read_text(encoding='utf-8') for part in PARTS)}}})();"
NONE = "\N{EN DASH}"  # in place of a number
LONG = 40  # tokens of a context, of which the first and the last are shown


def page(title: str, body: str, nav: str, data: dict[str, Any] | None = None) -> str:
    """A whole document. It fetches nothing, and says so itself: its policy allows only what it holds."""
    policy = (
        f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    block = "" if data is None else f'<script type="application/json" id="model">{as_data(data)}</script>\n'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="generator" content="{GENERATOR}">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><span>{nav}</span><button id="theme" class="js" type="button">Theme</button></header>
{body}
{block}<script>{SCRIPT}</script>
</body>
</html>
"""


def _hash(part: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()


def as_data(data: dict[str, Any]) -> str:
    """JSON that a script element can hold, whatever a token is."""
    content = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return content.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def size(part: str) -> int:
    """In bytes."""
    return len(part.encode())


def text(said: object) -> str:
    """As text of a page or of an attribute, whatever it is; control characters as Python escapes them."""
    return escape(printable(str(said)), quote=True)


def prose(said: str) -> str:
    """The same, with what stands in backticks as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", text(said))


def token(said: object) -> str:
    return f'<span class="tok">{text(said)}</span>'


def context(tokens: Context) -> str:
    """A context as one types it; a long one in part."""
    return token(shortened(tokens))


def shortened(tokens: Context) -> str:
    if len(tokens) <= LONG:
        return written(tokens)
    return f"{written(tokens[:8])} … {written(tokens[-12:])} ({len(tokens)} tokens)"


def chip(status: str, said: str = "") -> str:
    """A status, by colour, by a mark and by its word."""
    return f'<span class="chip {status}">{GLYPHS[status]} {said or WORDS[status]}</span>'


def number(value: float | None) -> str:
    """A lower bound, rounded down; a dash where there is none."""
    return NONE if value is None or math.isinf(value) else minus(at_least(value))


def minus(said: str) -> str:
    """With a sign as long as a plus."""
    return said.replace("-", "\N{MINUS SIGN}")


def many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def trace(tokens: Context, said: str = "trace it", kind: str = "") -> str:
    """A button that traces a context; without a script there is none."""
    of = f' class="js {kind}"' if kind else ' class="js"'
    return f'<button type="button"{of} data-after="{text(json.dumps(list(tokens)))}" data-jump>{said}</button>'


def folded(title: str, body: str, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{title}</summary>{body}</details>"


def section(name: str, title: str, body: str, lead: str = "") -> str:
    lead = f'<p class="lead">{lead}</p>' if lead else ""
    return f'<section id="{name}" aria-labelledby="h-{name}"><h2 id="h-{name}">{title}</h2>{lead}{body}</section>\n'


def clipped(said: str, most: int) -> str:
    """A long text without its end, which it says."""
    return said if len(said) <= most else f"{said[:most]}\n… and {len(said) - most:,} more characters"


def listed(lines: Iterable[str], most: int) -> tuple[str, int]:
    """Pieces one after the other, as far as they have so many characters; and how many are left out."""
    body, left_out = "", 0
    for line in lines:
        if left_out or len(body) + len(line) > most:
            left_out += 1
        else:
            body += line
    return body, left_out


def missing(one: Missing) -> str:
    why = one.why
    return f'<p class="none">{text(why[:1].upper() + why[1:])}.</p>'


def table(heads: list[str], rows: list[list[str]], label: str = "", kind: str = "stack") -> str:
    """Cells are HTML; a head that begins with # is of numbers."""
    labels = [head.removeprefix("#") for head in heads]
    of = ['n"' if head.startswith("#") else '"' for head in heads]
    top = "".join(f'<th class="{c}>{one}</th>' for c, one in zip(of, labels))
    lines = (
        "".join(f'<td class="{c} data-l="{one}">{cell}</td>' for c, one, cell in zip(of, labels, row)) for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    named = f' aria-label="{text(label)}"' if label else ""
    whole = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="{kind}"{named}>{whole}</table></div>'


def facts(pairs: list[tuple[str, str]]) -> str:
    """Names with what is said of each."""
    return f'<dl class="kv">{"".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in pairs)}</dl>'
