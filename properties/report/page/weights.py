"""The weights as pictures, with names and numbers, and as sentences; and which of them matter."""

from collections import Counter, defaultdict

import numpy as np

from properties.dossier.gather import Dossier, Missing, Mutants
from properties.report.page.document import context, folded, many, missing, section, table, text
from properties.robustness.mutants import Story
from zoo.black_box import BlackBox
from zoo.inspection import pictures
from zoo.model import Model
from zoo.transformer import Attention

SQUARES = 6000  # of all pictures of a page
CELL = 15
LINES = 60  # of sentences of one part


def weights(found: Dossier) -> str:
    if isinstance(found.model, BlackBox):
        return section("weights", "The weights", missing(found.maps))  # type: ignore[arg-type]
    sentences = "".join(_said(title, said) for title, said in found.sentences if said)
    if isinstance(found.maps, Missing):
        return section("weights", "The weights", missing(found.maps) + sentences, _sizes(found))
    largest = pictures.scale([one for _, maps in found.maps for one in maps])
    body, squares = "", 0
    for title, maps in found.maps:
        squares += sum(one.folded().matrix.size for one in maps)
        if not maps or squares > SQUARES:
            continue
        drawn = "".join(f'<figure class="scroll">{pictures.figure(one, largest)}</figure>' for one in maps)
        body += f'<h3>{text(title)}</h3><div class="mats">{drawn}</div>'
    if squares > SQUARES:
        body += f'<p class="none">The others are too large to draw: more than {SQUARES:,} squares in all.</p>'
    cap = (
        f"Row: from this direction. Column: to that. Of W_Q·W_K^T, rows attend and columns are attended to. Rows and "
        f"columns of zeros are left out, “always” is a bias; {text(pictures.said(largest))}, and how strong it is goes by "
        "the cube root."
    )
    folded_ = folded("The weights as sentences", sentences)
    return section("weights", "The weights", f'{body}<p class="cap">{cap}</p>{folded_}', _sizes(found))


def _sizes(found: Dossier) -> str:
    if found.parameters is None:
        return ""
    one = found.parameters
    return f"{one.total:,} parameters, {one.nonzero:,} of them not zero, {one.unique:,} different values."


def _said(title: str, said: str) -> str:
    lines = said.splitlines()
    more = f"\n… and {len(lines) - LINES} more lines" if len(lines) > LINES else ""
    return f'<h4>{text(title)}</h4><p class="sent">{text(chr(10).join(lines[:LINES]) + more)}</p>'


def mutants(found: Dossier) -> str:
    title = "Which weights matter"
    if isinstance(found.mutants, Missing):
        return section("mutants", title, missing(found.mutants))
    stories, counts = found.mutants.stories, Counter(one.outcome for one in found.mutants.stories)
    every = len(stories) == found.mutants.total
    lead = (
        f"{'Each of the' if every else 'Of'} {many(found.mutants.total, 'change')} (a weight zeroed, negated, doubled, halved, "
        f"±1, swapped with its neighbour, and of the structure) {'is' if every else f'{len(stories):,} were drawn, each of which is'} "
        f"caught by a check ({counts['caught']}), or changes no answer that is judged ({counts['equal']}). "
        f"{counts['open'] or 'None'} {'make' if counts['open'] > 1 else 'makes'} another choice among what is permitted."
    )
    body = _pictures(found) if every and not isinstance(found.maps, Missing) else ""
    return section("mutants", title, body + _by_place(found.mutants) + _structural(found.mutants), lead)


def _pictures(found: Dossier) -> str:
    """Of each head's arrays and each Mlp's, for each weight how many of its changes are caught."""
    shares: dict[str, dict[tuple[int, ...], list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    assert isinstance(found.mutants, Mutants)
    for story in found.mutants.stories:
        if story.mutant.index:
            cell = shares[story.mutant.place][story.mutant.index]
            cell[0], cell[1] = cell[0] + (story.outcome != "equal"), cell[1] + 1
    drawn, squares = "", 0
    for place, array, index in _matrices(found.model):
        caught = np.zeros(array.shape)
        for at, (hit, of) in shares[place].items():
            if at[: len(index)] == index:
                caught[at[len(index) :]] = hit / of
        squares += array.size
        if squares <= SQUARES // 2 and array.any():
            title = f"{place} of head {index[0]}" if index else place
            drawn += f'<figure class="scroll">{_caught(title, caught, array)}</figure>'
    cap = "The darker a square, the more changes of that weight are caught; a dot marks weights that are not zero."
    return f'<div class="mats">{drawn}</div><p class="cap">{cap}</p>' if drawn else ""


def _matrices(model: Model) -> list[tuple[str, np.ndarray, tuple[int, ...]]]:  # type: ignore[type-arg]
    found = []
    for i, layer in enumerate(model.transformer.layers):
        for name, array in layer.arrays():
            if name.startswith("w_"):
                heads = range(layer.sizes["head"]) if isinstance(layer, Attention) else [None]
                for h in heads:
                    found.append((f"layer {i} {name}", array if h is None else array[h], () if h is None else (h,)))
    return found


def _caught(title: str, share: np.ndarray, array: np.ndarray) -> str:  # type: ignore[type-arg]
    rows, columns = array.shape
    squares = []
    for i in range(rows):
        for j in range(columns):
            box = f'x="{CELL * j + 0.5}" y="{20 + CELL * i + 0.5}" width="{CELL - 1}" height="{CELL - 1}"'
            squares.append(
                f'<rect class="a" fill-opacity="{0.15 + 0.85 * share[i, j]:.2f}" {box}/>' if share[i, j] else f'<rect class="z" {box}/>'
            )
            if array[i, j]:
                ink = "vi" if share[i, j] > 0.55 else "v"
                squares.append(f'<circle class="{ink}" cx="{CELL * j + CELL / 2}" cy="{20 + CELL * i + CELL / 2}" r="2.2"/>')
    width, height = max(CELL * columns + 2, 7 * len(title)), 24 + CELL * rows
    label = f"{title}: of {int((share > 0).sum())} of {share.size} weights some change is caught"
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg class="fig" {size} role="img" aria-label="{text(label)}"><text class="h" x="0" y="13">{text(title)}</text>{"".join(squares)}</svg>'


def _by_place(found: Mutants) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for story in found.stories:
        if story.mutant.index:
            counts[story.mutant.place][story.outcome] += 1
    rows = [[f"<code>{text(place)}</code>", *(str(its[one]) for one in ("caught", "equal", "open"))] for place, its in counts.items()]
    return folded("By array", table(["array", "#caught", "#equal", "#open"], rows))


def _structural(found: Mutants) -> str:
    def row(story: Story) -> list[str]:
        by = f" by {story.check}" if story.check else ""
        where = "" if story.context is None else context(story.context)
        return [text(f"{story.mutant.place}: {story.mutant.change}"), story.outcome + by, where]

    rows = [row(story) for story in found.stories if not story.mutant.index]
    return folded(f"{many(len(rows), 'change')} of the structure", table(["change", "outcome", "shortest context"], rows)) if rows else ""
