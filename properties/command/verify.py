"""`zoo verify`, `recheck` and `compare`: what is said of models, settled.

What only one subcommand needs is imported where it runs: the start-up stays quick.
"""

import argparse
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from properties.command.arguments import (
    CHECKS,
    MODEL,
    Commands,
    add_domain,
    add_dtype,
    add_json,
    add_model,
    add_models,
    add_n_ctx,
    command,
)
from properties.command.finding import find, find_all, only_large, with_domain, with_within
from properties.command.spread import add_spread, spread
from zoo import progress, registry
from zoo.black_box import TRIES, BlackBox
from zoo.errors import FailingError, ModelError, UnknownNameError, printable
from zoo.model import Model

if TYPE_CHECKING:
    from properties.checks.table import Check
    from properties.checks.verdict import How, Requested
    from zoo.rule import Function

Planned = tuple["Requested", Model, list[tuple[str, "Check"]]]


def add(commands: Commands) -> None:
    one = command(commands, "verify", verify, "Check models in every context. Model files are Python code and are run.")
    add_models(one)
    names = f"only these: {', '.join(CHECKS)}"
    one.add_argument("--check", nargs="+", action="extend", default=[], metavar="NAME", help=names)
    methods = ["auto", "enumerate", "prove", "sample"]
    one.add_argument(
        "--method", choices=methods, default="auto", help="how to settle what is said of all contexts (auto)"
    )
    add_n_ctx(one)
    text = "models at the large sizes that their files state, which takes minutes; all that state one if none is given"
    one.add_argument("--large", action="store_true", help=text)
    add_dtype(one)
    one.add_argument("--all", action="store_true", help="print every context that is wrong, not only the shortest")
    length = one.add_mutually_exclusive_group()
    length.add_argument("-v", "--verbose", action="store_true", help="print a table of every check of each model")
    length.add_argument("-q", "--quiet", action="store_true", help="print what does not hold, and how many do")
    one.add_argument("--certificate", metavar="FILE", help="prove one model, and write down what proves it")
    add_json(one, "verdicts")
    one.add_argument("--rule", metavar="FILE.py:NAME", help="hold the model to this function (the file is run)")
    text = "of a model that answers with a number, by how much it may be off (a compiled one's: 0.0001)"
    one.add_argument("--within", type=float, metavar="X", help=text)
    add_domain(one)
    text = "of a black box with too many contexts: what those that are tried are drawn with (0)"
    one.add_argument("--seed", type=int, metavar="N", help=text)
    one.add_argument("--tries", type=int, metavar="N", help=f"how many of its contexts are tried ({TRIES})")
    text = "exit status 0 also where nothing is wrong on a sample, which is undecided"
    one.add_argument("--accept-sampled", action="store_true", help=text)
    add_spread(one)

    one = command(
        commands, "recheck", recheck, "Confirm a certificate without the prover, by exact sums (python-flint)."
    )
    one.add_argument("certificate", metavar="CERTIFICATE", help="what verify --certificate wrote")
    add_model(one)
    add_n_ctx(one)
    one.add_argument("--rule", metavar="FILE.py:NAME", help="what the certificate is about (the file is run)")
    add_domain(one)

    one = command(commands, "compare", compare, "Do two models give the same answer in every context?")
    one.add_argument("names", nargs=2, metavar="NAME", help=MODEL)
    one.add_argument("--all", action="store_true", help="print every difference, not only the shortest")
    add_n_ctx(one, "of both, the member of a family that reads N tokens")
    add_spread(one)
    add_json(one, "the verdict")


def verify(options: argparse.Namespace) -> int:
    from properties.proof import certificate

    planned = planned_of(options)
    if options.certificate is not None:
        if len(planned) != 1:
            raise ModelError(f"{len(planned)} models are verified, but a certificate is of one")
        certificate.check_path(options.certificate)
        [(_, model, _)] = planned
        if isinstance(model, BlackBox):
            raise ModelError(f"{model.name} is a black box, but a certificate is of a proof, which needs weights")
        rule = model.rule if options.rule is not None else None
        function = rule if rule is not None else certificate.function_of(model)
    with spread(options, [model for _, model, _ in planned]) as (executor, keep):
        how = _how(options, [model for _, model, _ in planned])
        how = replace(how, certified=options.certificate is not None, executor=executor, keep=keep)
        status = _reported(options, planned, how)
        if options.certificate is not None:
            return status if _certified(options.certificate, model, function, how) else 1
    return status


def _reported(options: argparse.Namespace, planned: list[Planned], how: "How") -> int:
    """Settles all checks, and prints what comes of it; returns the exit status."""
    from properties.report import verdicts as report

    if len(planned) > 1 and (how.executor or how.keep):
        from properties.command.together import together

        verdicts = together(options, planned, how)
    else:
        runs = [(model, run) for _, model, chosen in planned for _, run in chosen]
        verdicts = [run(model, how) for model, run in progress.steps(runs, "checks")]
    results = [(asked, model, [verdicts.pop(0) for _ in chosen]) for asked, model, chosen in planned]
    length: report.Length = "failures" if options.quiet else "checks" if options.verbose else "models"
    status = report.verdicts(results, options.json, options.all, length, options.check, options.accept_sampled)
    if not (options.names or options.large or options.json or options.quiet):
        report.left_out([name for name in registry.names() if only_large(name)])
    return status


def _how(options: argparse.Namespace, models: list[Model]) -> "How":
    """How checks are to be settled. ModelError for an option that would change nothing."""
    from properties.checks.verdict import How

    how = How(options.method, options.all)
    for name, value, least in (("seed", options.seed, 0), ("tries", options.tries, 1)):
        if value is None:
            continue
        if not any(isinstance(model, BlackBox) for model in models):
            raise ModelError(f"--{name} is given, but is of black boxes, and none of these models is one")
        if value < least:
            raise ModelError(f"--{name} is {value}, but should be a whole number from {least} on")
        how = replace(how, **{name: value})
    return how


def planned_of(options: argparse.Namespace) -> list[Planned]:
    """Each model that is asked for, and how it was, with its checks. UnknownNameError where there are none."""
    from properties.checks.table import checks
    from properties.checks.verdict import Requested

    planned = []
    for name in options.check:
        if name not in CHECKS and (name in registry.names() or os.path.exists(name)):
            raise UnknownNameError(f"{name} is no check but a model, and should stand before --check")
    for target, n_ctx, model in _asked_for(options):
        model = model if options.dtype is None else model.astype(options.dtype)
        rule = model.rule if options.rule is None else registry.load_function(options.rule)
        model = with_domain(with_within(replace(model, rule=rule), options.within), options)
        planned.append((Requested(target, n_ctx, options.dtype), model, checks(model, options.check)))
    if not any(chosen for *_, chosen in planned):
        named = list(dict.fromkeys(options.check))
        apply = "applies" if len(named) == 1 else "apply"
        raise UnknownNameError(f"{' and '.join(named)} {apply} to none of these models, and would settle nothing")
    return planned


def _asked_for(options: argparse.Namespace) -> list[tuple[str, int | None, Model]]:
    """Models, with what they were asked for by; where none is named, all of the zoo that does not take minutes."""
    if not options.large:
        names = options.names or [name for name in registry.names() if not only_large(name)]
        return [(target, options.n_ctx, model) for target, model in find_all(names, options.n_ctx)]
    if options.n_ctx is not None:
        raise ModelError("--n-ctx is given with --large, but should be left to the sizes that models state")
    named = {name: registry.large(name) for name in options.names or registry.names()}
    if options.names and (none := [name for name, n_ctx in named.items() if n_ctx is None]):
        raise ModelError(f"{none[0]} states no large size, but should be a model of the zoo that does")
    sizes = {name: n_ctx for name, n_ctx in named.items() if n_ctx is not None}
    return [(name, n_ctx, registry.load(name, n_ctx)) for name, n_ctx in sizes.items()]


def _certified(path: str, model: Model, function: "Function", how: "How") -> bool:
    """Whether there is a proof; its certificate is written then, and why there is none is said else.

    The proof is that of the verdict, where it took one.
    """
    from properties.checks.right import questions
    from properties.checks.settle import proof_of
    from properties.proof import certificate

    question = next(question for question in questions(model) if question.function is function)
    try:
        proof, written = certificate.certify(model, function, proof_of(model, question, how))
    except FailingError as error:  # a lemma is false
        print(f"zoo: {printable(str(error))}", file=sys.stderr)
        return False
    if written is None:
        print(f"zoo: {printable(certificate.why_none(model, proof))}", file=sys.stderr)
        return False
    certificate.write(written, path)
    return True


def recheck(options: argparse.Namespace) -> int:
    from properties.proof import certificate
    from properties.recheck import CertificateError, MismatchError, recheck
    from properties.report import verdicts as report

    model = with_domain(find(options.name, options.n_ctx), options)
    content = certificate.read(options.certificate)
    if options.rule is None:
        function = certificate.named_function(model, content)
    else:
        function = registry.load_function(options.rule)
    try:
        found = recheck(content, model, function)
    except MismatchError:
        raise
    except CertificateError as error:
        print(f"zoo: refused: {error}", file=sys.stderr)
        return 1
    report.rechecked(model, content, found)
    return 0


def compare(options: argparse.Namespace) -> int:
    from properties.checks.verdict import Requested
    from properties.report import verdicts as report
    from properties.robustness import comparison

    target, other_target = options.names
    model, other = (find(one, options.n_ctx) for one in options.names)
    with spread(options, [model, other]) as (executor, keep):
        verdict = comparison.compare(model, other, other_target, options.all, executor, keep)
    asked = Requested(target, options.n_ctx)
    return report.verdicts([(asked, model, [verdict])], options.json, options.all, "checks")
