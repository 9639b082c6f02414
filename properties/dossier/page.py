"""The contexts that a page offers to trace, and what it computes with."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from properties.dossier import embedded
from properties.dossier.answers import questions
from properties.dossier.dossier import Dossier, Missing
from properties.dossier.states import states
from properties.dossier.tree import Read
from zoo.black_box import BlackBox
from zoo.model import Context, Model

NOTABLE = 6  # contexts
ROOM = 170_000  # characters of all that a page computes with: a page is to stay below 300 kB


def held_by_page(found: Dossier) -> None:
    """The contexts that are offered, and what the page computes with."""
    model = found.model
    found.notable = list(_notable(found))
    if isinstance(model, BlackBox):
        return
    about, own = embedded.about(model), embedded.weights(model)
    if own is not None and _size(about) + _size(own) > ROOM:
        own = None
    shown = [context for _, context in found.notable]
    held = None if own is not None else embedded.traces(model, shown)
    if held is not None:
        found.notable = found.notable[: len(held)]
    page = about | {"weights": own, "traces": held}
    page |= {"first": found.notable[0][1], "map": found.answers is not None, "rule": None, "meant": None, "others": {}}
    page["asked"] = _asked(found)
    if own is None and _size(about) > ROOM // 3:
        page |= _some_of_the_vocabulary(page)
    stated = [(one.function, one.kind) for one in questions(model)[:1]]
    meant = [(one.meant, "rule") for one in model.deviations[:1]]
    for name, more in (
        ("rule", _ruling(model, found.rule, stated)),
        ("meant", _ruling(model, found.meant, meant)),
        ("others", _others(found)),
    ):
        if _size(page) + _size(more) <= ROOM:
            page[name] = more
    found.page = page | ({"asked": {}} if page["rule"] is not None else {})


def _size(data: Any) -> int:
    return len(json.dumps(data, separators=(",", ":")))


def _some_of_the_vocabulary(page: dict[str, Any]) -> dict[str, Any]:
    """Of tens of thousands of tokens those that are shown, by their numbers; and how many there are."""
    used = {i for one in page["traces"] for i in (*one["tokens"], *one["outputs"])}
    used |= {i for said in page["asked"].values() for i in said if isinstance(i, int)}
    known = {name: page[name] for name in ("vocab", "outputs") if page[name] is not None}
    return {
        name: {"size": len(its), "some": {i: its[i] for i in sorted(used) if i < len(its)}}
        for name, its in known.items()
    }


def _others(found: Dossier) -> dict[str, list[list[int]]]:
    """Where another model answers otherwise."""
    beside = [] if isinstance(found.beside, Missing) else found.beside
    encode = found.model.encode
    return {one.check: [encode(context).tolist() for context in one.failures[:500]] for one in beside if one.failures}


def _ruling(model: Model, read: Read | Missing | None, function: Sequence[tuple[Any, str]]) -> Any:
    """What a page asks in place of a function that is Python: its tree, or of a fold its states; None without."""
    tree = read.tree if isinstance(read, Read) else None
    return tree if tree is not None or not function else states(model, *function[0])


def _asked(found: Dossier) -> dict[str, list[Any]]:
    """What is permitted in the contexts that are offered, where there is no tree that says so of every one."""
    model, stated = found.model, questions(found.model)
    if not stated or model.answers == "every":
        return {}
    number = {name: i for i, name in enumerate(model.names)}
    return {
        ",".join(map(str, model.encode(context).tolist())): sorted(number.get(one, one) for one in stated[0](context))
        for _, context in found.notable
    }


def _notable(found: Dossier) -> Iterator[tuple[str, Context]]:
    """What is worth a look, each context once: what is wrong, what is near it."""
    model, seen, answers = found.model, set[Context](), found.answers
    named: list[tuple[str, Context]] = []
    if answers is not None:
        for name, at in (
            ("shortest wrong", answers.first(answers.wrong)),
            ("shortest deviation", answers.first(answers.deviates)),
            ("smallest margin", answers.least),
            ("largest margin", answers.most),
        ):
            named += [] if at is None else [(name, answers.words[at])]
    shown = [one.counterexample for one in found.verdicts if one.counterexample is not None]
    named += [("counterexample", one.context) for one in shown]
    named += [("wrong", context) for one in found.verdicts for context in one.failures[:NOTABLE]]
    if bands := list(found.bands or ()):
        least = min(bands, key=lambda one: one.margin)
        named.append(("smallest margin", model.decode(least.least.first(model.vocab))))
    if not named or answers is None:
        some = model.scope.sample(np.random.default_rng(0), 3)
        named += [
            ("an example", model.decode(model.encode(one if model.reads_strings else tuple(one)))) for one in some
        ]
    for name, context in named:
        if context not in seen and len(seen) < NOTABLE:
            seen.add(context)
            yield name, context
