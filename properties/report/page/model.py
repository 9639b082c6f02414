"""The page of one model, and the index of all."""

from collections.abc import Sequence

from properties.dossier.dossier import Dossier
from properties.report.page import checks, closing, context_map, story
from properties.report.page.document import NONE, WORDS, as_data, chip, number, page, section, shortened, size, text
from properties.report.page.margins import margins
from properties.report.page.rule import rule
from properties.report.page.weights import mutants, weights
from properties.report.tables import GRAVEST, tallied
from zoo.black_box import BlackBox

SECTIONS = {
    "trace": "Trace a context",
    "checks": "Verdicts",
    "margins": "Margins",
    "rule": "The rule",
    "weights": "Weights",
    "mutants": "What matters",
    "bearing": "Robustness",
    "cost": "Cost",
    "beside": "Beside others",
    "evidence": "Evidence",
}


LIMIT = 295_000  # bytes of a page
FRAME = size(page("", "", "")) + 2_000  # of those what all pages have, and links


def model_page(found: Dossier) -> str:
    """All that is known of a model, in the order in which one asks."""
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in SECTIONS.items())
    name = text(found.model.name)
    hero = (
        f'<section class="hero" aria-labelledby="h"><div class="line"><h1 id="h">{name}</h1>{chip(found.status)}</div>'
        f'<p class="say">{story.story(found)}</p>{story.facts(found)}{context_map.large(found)}</section>\n'
    )
    before = [hero, _trace(found), checks.verdicts(found), margins(found), rule(found)]
    after = [closing.bearing(found), closing.cost(found), closing.beside(found)]
    data = found.page or None
    room = LIMIT - FRAME - sum(map(size, [*before, *after])) - (0 if data is None else len(as_data(data)))
    evidence = closing.evidence(found, room // 3)  # what is written in base 64 takes a third more
    room -= size(evidence)
    caught = mutants(found, room // 2)
    drawn = weights(found, room - size(caught))
    body = (
        f'<div class="wrap"><nav class="toc" aria-label="Sections"><ul>{links}</ul></nav><main id="main">'
        f"{''.join([*before, drawn, caught, *after, evidence])}"
        '<p class="foot">Made by <code>zoo report</code>. This page loads nothing from anywhere.</p></main></div>'
    )
    title = f"{found.model.name}: {WORDS[found.status]}"
    return page(title, body, '<a href="index.html">All models</a>', data)


def _trace(found: Dossier) -> str:
    """What a script fills; without one, the line of the command that prints the same."""
    if isinstance(found.model, BlackBox):
        why = "Only its answers are known: there is nothing in it to trace."
        return section("trace", "Trace a context", f'<p class="none">{why}</p>')
    if found.page["weights"] is None:
        lead = "Its weights are too large for a page: what is shown was computed with the page, of the last position."
        ask = ""
    else:
        lead = "Computed here, in this page, from the weights it holds. Type any context."
        lead += (
            ""
            if found.model.transformer.dtype.name == "float64"
            else (f" The model is {found.model.transformer.dtype}; the page computes in float64: last digits differ.")
        )
        ask = (
            '<div class="ask"><label for="context">Context</label><input id="context" autocomplete="off" '
            'autocapitalize="none" spellcheck="false" aria-describedby="err"><button type="button" id="random">random'
            "</button></div>"
        )
    if found.sources and found.page["rule"] is None:
        lead += (
            " What its rule says is known to the page of the contexts below only: it has no Python, and the tree or "
            "the states of the rule are too many for it."
        )
    first = shortened(found.notable[0][1])
    body = (
        f'<div class="card js">{ask}<p class="try">{checks.offered(found)}</p>'
        '<p class="err" id="err" role="status"></p>'
        '<p class="answer" id="said" role="status"></p><div id="trace-out"></div></div>'
        '<p class="nojs">This part needs JavaScript. In a terminal: '
        f"<code>zoo show {text(found.asked.name)} {text(first)}</code></p>"
    )
    return section("trace", "Trace a context", body, f'<span class="js">{lead}</span>')


def index_page(found: Sequence[tuple[Dossier, str]]) -> str:
    """Which model needs one: what failed comes first. Each with the file that its page is in."""
    found = sorted(found, key=lambda one: GRAVEST.index(one[0].status))
    rows = []
    for one, file in found:
        passed = sum(verdict.passed for verdict in one.verdicts)
        margins_ = [verdict.margin for verdict in one.verdicts if verdict.margin is not None]
        least = number(min(margins_)) if margins_ else NONE
        rows.append(
            f'<tr><td><a href="{text(file)}"><b>{text(one.model.name)}</b></a></td><td>{chip(one.status)}</td>'
            f'<td>{story.brief(one)}</td><td class="n" data-l="checks">{passed} of {len(one.verdicts)}</td>'
            f'<td class="n" data-l="smallest margin">{least}</td><td>{context_map.small(one)}</td></tr>'
        )
    counts = tallied(one.status for one, _ in found)
    said = ", ".join(counts[status] for status in GRAVEST if status in counts)
    worst = next(status for status in GRAVEST if status in counts)
    heads = '<th>model</th><th>verdict</th><th>found</th><th class="n">checks</th><th class="n">smallest margin</th>'
    heads += "<th>every context</th>"
    title = f"{len(found)} model{'s' * (len(found) != 1)}"
    body = (
        f'<div class="wrap one"><main id="main"><section class="hero"><div class="line"><h1>{title}</h1>'
        f'{chip(worst, said)}</div><p class="facts">Each is held to a plain rule, in every context where that can be '
        f'done. What failed comes first.</p><table class="zoo stack"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}"
        "</tbody></table></section></main></div>"
    )
    return page(title, body, "handmade-zoo")
