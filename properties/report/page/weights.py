"""The weights as pictures, with names and numbers, and as sentences; and which of them matter."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from properties.dossier.dossier import Caught, Dossier, Missing, Mutants
from properties.report.page.document import context, folded, many, missing, section, table, text
from properties.robustness.mutants import Story
from zoo.black_box import BlackBox
from zoo.inspection.maps import Map
from zoo.inspection.pictures import FINEST, figure, said, scale

DRAWN, SAID, CAUGHT = 90_000, 60_000, 60_000  # characters of pictures and sentences at most: a page is to stay small
CELL = 15
LINES = 60  # of sentences of one part


def weights(found: Dossier, room: int = DRAWN + SAID) -> str:
    """In so many characters, about: what there is no room for is left out, and the section says so."""
    if isinstance(found.model, BlackBox):
        return section("weights", "The weights", missing(found.maps))  # type: ignore[arg-type]
    sentences, left_out = "", 0
    for title, its in found.sentences:
        said_ = _sentence(title, its) if its else ""
        if len(sentences) + len(said_) > min(SAID, room // 3):
            left_out += 1
        else:
            sentences += said_
    if left_out:
        sentences += f'<p class="none">Those of {many(left_out, "other part")} would make the page too large.</p>'
    if isinstance(found.maps, Missing):
        return section("weights", "The weights", missing(found.maps) + sentences, _sizes(found))
    largest = scale([one for _, maps in found.maps for one in maps])
    body, left_out = _drawn(found.maps, largest, min(DRAWN, room - len(sentences)))
    if left_out:
        which = many(left_out, "other picture" if body else "picture")
        body += f'<p class="none">{which} would make the page too large.</p>'
    cap = (
        f"Row: from this direction. Column: to that. Of W_Q·W_K^T, rows attend and columns are attended to. Rows and "
        "columns of zeros are left out, “always” is a bias; a square that stands for several entries shows the one "
        "that is farthest from 0, with its sign (one less high is negative); "
        f"{text(said(largest))}, and how strong it is goes by the cube root."
    )
    folded_ = folded("The weights as sentences", sentences)
    return section("weights", "The weights", f'{body}<p class="cap">{cap}</p>{folded_}', _sizes(found))


def _drawn(every: Sequence[tuple[str, list[Map]]], largest: float, room: int) -> tuple[str, int]:
    """The pictures in so many characters, as fine as all of them have room, and how many there was none for."""
    for finest in FINEST:
        body, left_out = "", 0
        for title, maps in every:
            figures = [f'<figure class="scroll">{figure(one, largest, finest)}</figure>' for one in maps]
            drawn = f'<h3>{text(title)}</h3><div class="mats">{"".join(figures)}</div>' if maps else ""
            if len(body) + len(drawn) > room:
                left_out += len(maps)
                if finest != FINEST[-1]:
                    break
            else:
                body += drawn
        if not left_out:
            break
    return body, left_out


def _sizes(found: Dossier) -> str:
    if found.parameters is None:
        return ""
    one = found.parameters
    return f"{one.total:,} parameters, {one.nonzero:,} of them not zero, {one.unique:,} different values."


def _sentence(title: str, sentences: str) -> str:
    lines = sentences.splitlines()
    more = f"\n… and {len(lines) - LINES} more lines" if len(lines) > LINES else ""
    return f'<h4>{text(title)}</h4><p class="sent">{text(chr(10).join(lines[:LINES]) + more)}</p>'


def mutants(found: Dossier, room: int = CAUGHT) -> str:
    """With pictures in so many characters."""
    title = "Which weights matter"
    if isinstance(found.mutants, Missing):
        return section("mutants", title, missing(found.mutants))
    stories, counts = found.mutants.stories, Counter(one.outcome for one in found.mutants.stories)
    every = len(stories) == found.mutants.total
    of = "Each of the" if every else f"{len(stories):,} were drawn of"
    makes = "make" if counts["open"] > 1 else "makes"
    lead = (
        f"{of} {many(found.mutants.total, 'change')}: a weight zeroed, negated, doubled, halved, ±1, swapped with its "
        f"neighbour, and of the structure. {counts['caught']} are caught by a check, {counts['equal']} change no "
        f"answer that is judged, {counts['open'] or 'none'} {makes} another choice among what is permitted."
    )
    return section(
        "mutants", title, _pictures(found.mutants, room) + _by_place(found.mutants) + _structural(found.mutants), lead
    )


def _pictures(found: Mutants, room: int) -> str:
    """For each weight how many of its changes are caught."""
    drawn = ""
    for one in found.caught:
        figure_ = f'<figure class="scroll">{_caught(one)}</figure>' if one.matrix.any() else ""
        drawn += figure_ if len(drawn) + len(figure_) <= min(CAUGHT, room) else ""
    cap = "The darker a square, the more changes of that weight are caught; a dot marks weights that are not zero."
    return f'<div class="mats">{drawn}</div><p class="cap">{cap}</p>' if drawn else ""


def _caught(one: Caught) -> str:
    rows, columns = one.share.shape
    squares = []
    for i, shares in enumerate(one.share.tolist()):
        for j, share in enumerate(shares):
            box = f'x="{CELL * j + 0.5}" y="{20 + CELL * i + 0.5}" width="{CELL - 1}" height="{CELL - 1}"'
            strong = f'class="a" fill-opacity="{0.15 + 0.85 * share:.2f}"' if share else 'class="z"'
            squares.append(f"<rect {strong} {box}/>")
            if one.matrix[i, j]:
                ink = "vi" if share > 0.55 else "v"
                where = f'cx="{CELL * j + CELL / 2}" cy="{20 + CELL * i + CELL / 2}"'
                squares.append(f'<circle class="{ink}" {where} r="2.2"/>')
    width, height = max(CELL * columns + 2, 7 * len(one.title)), 24 + CELL * rows
    label = f"{one.title}: of {int((one.share > 0).sum())} of {one.share.size} weights some change is caught"
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    named = f'<text class="h" x="0" y="13">{text(one.title)}</text>'
    return f'<svg class="fig" {size} role="img" aria-label="{text(label)}">{named}{"".join(squares)}</svg>'


def _by_place(found: Mutants) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for story in found.stories:
        if story.mutant.index:
            counts[story.mutant.place][story.outcome] += 1
    rows = [
        [f"<code>{text(place)}</code>", *(str(its[one]) for one in ("caught", "equal", "open"))]
        for place, its in counts.items()
    ]
    return folded("By array", table(["array", "#caught", "#equal", "#open"], rows))


def _structural(found: Mutants) -> str:
    def row(story: Story) -> list[str]:
        by = f" by {story.check}" if story.check else ""
        where = "" if story.context is None else context(story.context)
        return [text(f"{story.mutant.place}: {story.mutant.change}"), story.outcome + by, where]

    rows = [row(story) for story in found.stories if not story.mutant.index]
    return (
        folded(f"{many(len(rows), 'change')} of the structure", table(["change", "outcome", "shortest context"], rows))
        if rows
        else ""
    )
