"""What is printed of a black box, which has no weights to show."""

from collections.abc import Iterable, Iterator

from properties.report.console import console
from properties.report.model import heading, stated
from zoo.black_box import BlackBox
from zoo.contexts import Context, written
from zoo.model import Claim, Lemma


def about(model: BlackBox) -> Iterator[str]:
    """What was counted, and what its author says: not the same, and nothing of it is checked."""
    found = model.parameters
    if found is None:
        yield "parameters: not counted, as no arrays were found in it"
    else:
        of = f"{found.arrays} array{'s' * (found.arrays != 1)}"
        yield f"parameters: {found.total} in {of}, {found.nonzero} of them nonzero, {found.unique} different"
    for key, value in model.words.items():
        yield f"its author says: {key}: {value}"


def show(model: BlackBox, claims: Iterable[tuple[Claim, object]], lemmas: Iterable[tuple[Lemma, bool]]) -> None:
    """What it is, and what is stated of it."""
    heading(model, f"{model.name}: n_ctx {model.n_ctx}, a black box: it has no weights to show")
    for line in about(model):
        console().print(line, soft_wrap=True)
    stated(model, claims, lemmas)


def show_answer(context: Context, answer: object) -> None:
    console().print(f"\nafter {written(context)}: {answer}", style="bold", soft_wrap=True)
