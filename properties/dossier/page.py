"""The contexts that a page offers to trace, and what it computes with."""

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


def held_by_page(found: Dossier) -> None:
    """The contexts that are offered, and what the page computes with."""
    model = found.model
    found.notable = list(_notable(found))
    if isinstance(model, BlackBox):
        return
    own = embedded.weights(model)
    held = None if own is not None else embedded.traces(model, [context for _, context in found.notable])
    stated = [(one.function, one.kind) for one in questions(model)[:1]]
    meant = [(one.meant, "rule") for one in model.deviations[:1]]
    trees = [_ruling(model, read, its) for read, its in ((found.rule, stated), (found.meant, meant))]
    found.page = embedded.about(model) | {
        "weights": own,
        "traces": held,
        "rule": trees[0],
        "asked": {} if trees[0] is not None or model.answers == "every" else _asked(found),
        "meant": trees[1],
        "first": found.notable[0][1],
        "map": found.answers is not None,
        "others": {
            one.check: [model.encode(context).tolist() for context in one.failures[:500]]
            for one in ([] if isinstance(found.beside, Missing) else found.beside)
            if one.failures
        },
    }


def _ruling(model: Model, read: Read | Missing | None, function: Sequence[tuple[Any, str]]) -> Any:
    """What a page asks in place of a function that is Python: its tree, or of a fold its states; None without."""
    tree = read.tree if isinstance(read, Read) else None
    return tree if tree is not None or not function else states(model, *function[0])


def _asked(found: Dossier) -> dict[str, list[Any]]:
    """What is permitted in the contexts that are offered, where there is no tree that says so of every one."""
    model, stated = found.model, questions(found.model)
    if not stated:
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
    if found.settled:
        least = min(found.settled, key=lambda one: one.margin)
        named.append(("smallest margin", model.decode(least.box.first(model.vocab))))
    if not named or answers is None:
        some = model.scope.sample(np.random.default_rng(0), 3)
        named += [
            ("an example", model.decode(model.encode(one if model.reads_strings else tuple(one)))) for one in some
        ]
    for name, context in named:
        if context not in seen and len(seen) < NOTABLE:
            seen.add(context)
            yield name, context
