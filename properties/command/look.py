"""`zoo list`, `predict`, `complete`, `show` and `inspect`: what models are, and what they say."""

import argparse
import json
from typing import TYPE_CHECKING

from properties.command.arguments import (
    Commands,
    add_anyway,
    add_context,
    add_dtype,
    add_json,
    add_model,
    add_n_ctx,
    command,
)
from properties.command.finding import find, find_all, find_as, read_context
from zoo import registry
from zoo.black_box import BlackBox
from zoo.errors import ContextError, RuleError, printable
from zoo.model import Context, Model

if TYPE_CHECKING:
    from properties.checks.verdict import Verdict
    from zoo.rule import Permitted

MANY = 15  # tokens that are generated where none are asked for
SOON = 2.0  # seconds that a proof may take before a model is shown


def add_list(commands: Commands) -> None:
    one = command(commands, "list", list_models, "List the models of the zoo.")
    add_json(one, "the same, with sources,")


def add(commands: Commands) -> None:
    says = command(commands, "predict", predict, "Print what a model answers: the next token, or at each position.")
    goes_on = command(commands, "complete", complete, "Print the tokens a model says next, each fed back to it.")
    goes_on.add_argument("-n", type=int, help="how many tokens (15, or fewer where that leads out of the domain)")
    text = "Print whether a model is right, its weights as sentences and its claims, and how it reads a context."
    shown = command(commands, "show", show, text)
    shown.add_argument(
        "--robustness", action="store_true", help="and how much its answers bear: in weights, number types, tokens"
    )
    add_json(shown, "all of it")
    for one in (says, goes_on, shown):
        add_model(one)
        add_context(one, "?" if one is shown else None)
        add_n_ctx(one)
        add_dtype(one)
        add_anyway(one)


def add_inspect(commands: Commands) -> None:
    text = "Look inside: parameters, what W_Q W_K^T and W_V W_O are, how a context is read."
    one = command(commands, "inspect", inspect, text)
    add_model(one)
    add_context(one, "?")
    one.add_argument("--all", action="store_true", help="list every head and part, where there are many")
    add_n_ctx(one)
    add_json(one, "everything")
    add_anyway(one)
    one.add_argument("--svg", metavar="FILE", help="draw the attentions and the small matrices to this file")


def list_models(options: argparse.Namespace) -> int:
    from properties.report import model as report

    listed = [(model, registry.family(model.name) is not None) for _, model in find_all([])]
    if options.json:
        print(json.dumps(report.list_as_json(listed), indent=2))
    else:
        report.list_models(listed)
    return 0


def _as_far_as_it_goes(model: Model, context: Context) -> int:
    """How many tokens can be generated before the context is outside the domain, of MANY; ContextError for none."""
    if model.domain is None:
        return MANY
    model.complete(context, 1)
    for n in range(2, MANY + 1):
        try:
            model.complete(context, n)
        except ContextError:
            return n - 1
    return MANY


def predict(options: argparse.Namespace) -> int:
    model = find_as(options)
    said = model.says(read_context(model, options.context), options.anyway)
    print(printable(" ".join(answer if isinstance(answer, str) else repr(answer) for answer in said)))
    return 0


def complete(options: argparse.Namespace) -> int:
    model = find_as(options)
    context = read_context(model, options.context)
    n = options.n
    if n is None:
        n = MANY if options.anyway else _as_far_as_it_goes(model, context)
    print(printable(model.complete(context, n, options.anyway)))
    return 0


def show(options: argparse.Namespace) -> int:
    from properties.report import black_box
    from properties.report import model as report
    from zoo.inspection.sentences import sentences

    model = find_as(options)
    context = None if options.context is None else read_context(model, options.context)
    if context is not None:
        model.encode(context, options.anyway)  # what cannot be read is said before a page is printed
    if options.json:
        return _show_as_json(model, context, options)
    claims = ((claim, claim.recomputed(model)) for claim in model.claims)
    lemmas = ((lemma, lemma.holds(model)) for lemma in model.lemmas)
    if isinstance(model, BlackBox):
        answer = None if context is None else model.predict(context, options.anyway)
        black_box.show(model, claims, lemmas)
        if context is not None:
            black_box.show_answer(context, answer)
        return 0
    report.show(model, _settled(model), sentences(model), claims, lemmas)
    if options.robustness:
        from properties.report.bearing import bearing as print_bearing
        from properties.robustness.bearing import bearing

        print_bearing(bearing(model, registry.family(options.name)))
    if context is not None:
        from properties.report import reading as read
        from zoo.inspection.reading import reading

        read.show(reading(model, context, options.anyway), _permitted(model, context))
    return 0


def _show_as_json(model: Model, context: Context | None, options: argparse.Namespace) -> int:
    from properties.report import shown_json
    from properties.report.bearing import said
    from properties.robustness.bearing import bearing
    from zoo.inspection.reading import reading
    from zoo.inspection.sentences import sentences

    boxed = isinstance(model, BlackBox)
    settled, parts = (None, ()) if boxed else (_settled(model), sentences(model))
    claims = [(claim, claim.recomputed(model)) for claim in model.claims]
    lemmas = [(lemma, lemma.holds(model)) for lemma in model.lemmas]
    found = shown_json.as_json(model, settled, parts, claims, lemmas)
    if options.robustness and not boxed:
        borne = bearing(model, registry.family(options.name))
        found["robustness"] = [said(one).strip() for one in borne]
    if context is not None and boxed:
        found["context"] = shown_json.answered(context, model.says(context, options.anyway))
    elif context is not None:
        found["context"] = shown_json.read(reading(model, context, options.anyway), _permitted(model, context))
    print(json.dumps(found, indent=2))
    return 0


def _settled(model: Model) -> "Verdict | RuleError | None":
    """What its rule, or else its first predictor, says of all its answers, as far as that is soon known."""
    from properties.checks.table import checks
    from properties.checks.verdict import How

    stated = checks(model, ["rule"] if model.rule is not None else ["predictors"])
    try:
        return stated[0][1](model, How(seconds=SOON)) if stated else None
    except RuleError as error:  # the weights can be shown all the same
        return error


def _permitted(model: Model, context: Context) -> "list[Permitted] | None":
    """What the rule permits after a context, or at each position of it; None where it is not asked."""
    from properties.checks.right import checked_rule

    read = model.decode(model.encode(context, anyway=True))
    if model.rule is None or (model.domain is not None and read not in model.domain):
        return None
    asked = checked_rule(model.rule, model.names)
    try:
        return [asked(read, at) for at in range(len(read))] if model.answers == "every" else [asked(read)]
    except RuleError:  # which is said already
        return None


def inspect(options: argparse.Namespace) -> int:
    from properties.report import inspection as report
    from zoo.cost import picture
    from zoo.inspection import parts, pictures

    if options.svg is not None:
        picture.check(options.svg)
    model = find(options.name, options.n_ctx)
    context = None if options.context is None else read_context(model, options.context)
    found = parts.inspect(model, context, anyway=options.anyway)
    if options.svg is not None:
        picture.write(options.svg, pictures.svg(model, found))
    print(parts.json_text(found)) if options.json else report.show(found, options.all)
    return 0
