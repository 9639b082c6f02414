"""The sections that come last: how much a model bears, what it costs, how others answer, and the evidence."""

import base64
import json
import math
from collections.abc import Sequence

from properties.dossier.dossier import Dossier, Missing
from properties.report.bearing import said
from properties.report.page.document import context, facts, many, missing, number, section, table, text, trace
from zoo.cost.ladder import Rung
from zoo.cost.picture import duration

LEFT, WIDE, ROW = 132, 820, 25
SHOWN = 12  # other models
CERTIFICATE = 60_000  # characters of one that a page holds


def bearing(found: Dossier) -> str:
    title = "How much it bears"
    if isinstance(found.bearing, Missing):
        return section("bearing", title, missing(found.bearing))
    lines = "".join(f"<li>{text(said(one).strip())}</li>" for one in found.bearing)
    return section("bearing", title, f'<ul class="list">{lines}</ul>')


def cost(found: Dossier) -> str:
    title = "What one answer costs"
    counted = []
    if found.flops is not None and found.parameters is not None:
        counted = [
            ("Operations", f"{found.flops:,} FLOPs for the longest context"),
            ("Parameters", f"{found.parameters.total:,}"),
        ]
    if isinstance(found.rungs, Missing):
        return section("cost", title, facts(counted) + missing(found.rungs))
    timed = [one for one in found.rungs if one.seconds]
    if not timed:
        return section("cost", title, facts(counted) + missing(Missing("nothing could be timed")))
    fastest = min(timed, key=lambda one: one.seconds or math.inf)
    slowest = max(timed, key=lambda one: one.seconds or 0)
    times = (slowest.seconds or 0) / (fastest.seconds or 1)
    lead = (
        f"From {text(slowest.name)} ({duration(slowest.seconds or 0)}) to {text(fastest.name)} "
        f"({duration(fastest.seconds or 0)}): {times:,.0f} times less. Times are of the machine that wrote this page."
    )
    figure = f'<figure class="card scroll wide" tabindex="0" role="group" aria-label="Times">{_ladder(timed)}</figure>'
    gaps = [(one.name, one.reason) for one in found.rungs if not one.seconds]
    left_out = "".join(f"<li><code>{text(name)}</code>: {text(why)}</li>" for name, why in gaps)
    return section("cost", title, figure + (f'<ul class="list">{left_out}</ul>' if gaps else "") + facts(counted), lead)


def _ladder(shown: Sequence[Rung]) -> str:
    seconds = [one.seconds or 1.0 for one in shown]
    low, high = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))
    high = max(high, low + 1)

    def x(value: float) -> float:
        return LEFT + (WIDE - LEFT - 90) * (math.log10(value) - low) / (high - low)

    out, bottom = [], ROW * len(shown)
    for power in range(low, high + 1):
        at = f"{x(10.0**power):.1f}"
        out.append(f'<line class="axis" x1="{at}" x2="{at}" y1="4" y2="{bottom + 6}"/>')
        out.append(f'<text class="mid" x="{at}" y="{bottom + 22}">{duration(10.0**power)}</text>')
    for i, (one, value) in enumerate(zip(shown, seconds)):
        y, at = ROW * i + 16, f"{x(value):.1f}"
        out.append(f'<text class="e" x="{LEFT - 10}" y="{y + 4}">{text(one.name)}</text>')
        out.append(
            f'<line class="axis" x1="{LEFT}" x2="{at}" y1="{y}" y2="{y}"/><circle class="a" cx="{at}" cy="{y}" r="5"/>'
        )
        out.append(f'<text class="s" x="{x(value) + 11:.1f}" y="{y + 4}">{duration(value)}</text>')
    label = "Time for one answer: " + ", ".join(f"{one.name} {duration(value)}" for one, value in zip(shown, seconds))
    size = f'viewBox="0 0 {WIDE} {bottom + 30}" width="{WIDE}" height="{bottom + 30}"'
    return f'<svg class="fig" {size} role="img" aria-label="{text(label)}">{"".join(out)}</svg>'


def beside(found: Dossier) -> str:
    title = "Beside other models"
    if isinstance(found.beside, Missing):
        return section("beside", title, missing(found.beside))
    if not found.beside:
        return section("beside", title, '<p class="none">No other model reads the same tokens and answers alike.</p>')
    rows = []
    for one in found.beside[:SHOWN]:
        name, where, shown = one.check, "", one.counterexample
        if shown is not None:
            here, there = shown.predicted or "nothing", " or ".join(shown.permitted) or "nothing"
            where = f"{context(shown.context)}: {text(here)} here, {text(there)} there {trace(shown.context)}"
            where += f' <button type="button" class="js" data-compare="{text(name)}">show on the map</button>'
        total = f"{one.total:,}" + ("" if one.total == found.model.scope.count() else " that both read")
        same = f"other in {len(one.failures)} of {total}" if one.failures else f"the same in all {total}"
        rows.append([f"<code>{text(name)}</code>", same, where])
    return section("beside", title, table(["model", "answers", "shortest context where they differ"], rows))


def evidence(found: Dossier, room: int = CERTIFICATE) -> str:
    """With the certificate itself if it has so many characters at most."""
    model, source = found.model, text(found.asked.name)
    options = "" if found.asked.n_ctx is None else f" --n-ctx {found.asked.n_ctx}"
    if isinstance(found.certificate, Missing):
        body = missing(found.certificate)
    else:
        content = json.dumps(found.certificate, separators=(",", ":")) + "\n"
        name = text(f"{model.name}.certificate.json")
        link = "data:application/json;base64," + base64.b64encode(content.encode()).decode()
        body = (
            f"<p>Confirmed without the prover by <code>zoo recheck CERTIFICATE {source}{options}</code>. It covers all "
            f"contexts, and states a margin of at least {number(found.certificate['margin'])}.</p>"
            f'<p><a class="btn" download="{name}" href="{link}">Download the certificate '
            f"({len(content) / 1000:.1f} kB)</a></p>"
        )
        if len(content) > min(CERTIFICATE, room):
            command = f"zoo verify {source}{options} --certificate FILE"
            body = f"<p>There is a certificate, which is too large for a page: <code>{command}</code> writes it.</p>"
    made = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    pairs = [("Reproduce", f"<code>zoo verify {source}{options}</code>"), ("Made with", text(made))]
    pairs += [("Weights", f'<span class="hash">sha256 {found.digest}</span>')] if found.digest else []
    passed = sum(one.passed for one in found.verdicts)
    pairs += [("Checks", f"{passed} of {many(len(found.verdicts), 'check')} pass{'es' * (len(found.verdicts) == 1)}")]
    return section("evidence", "Evidence", body + facts(pairs))
