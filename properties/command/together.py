"""Several models verified side by side: each is a shard, found on a worker by what it was asked for by."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zoo import progress, registry
from zoo.errors import UnavailableError
from zoo.shards import Shards
from zoo.shards.keep import about

if TYPE_CHECKING:
    from properties.checks.verdict import How, Verdict
    from properties.command.verify import Planned

Asked = tuple[str, int | None, str]  # of a model: by what and with which n_ctx it is found, and what it is


def together(options: argparse.Namespace, planned: "Sequence[Planned]", how: "How") -> "list[Verdict]":
    """The verdicts of all, in their order."""
    asked = [(_found_by(one.name), one.n_ctx, about(model)) for one, model, _ in planned]
    said = {name: getattr(options, name) for name in ("check", "dtype", "within", "domain", "let", "start")}
    rule = None if options.rule is None else os.path.abspath(options.rule)
    here = replace(how, executor=None, keep=None)
    found: list[Verdict] = []
    with Shards(Verifying, said | {"rule": rule}, here, executor=how.executor, keep=how.keep) as shards:
        for _, verdicts in progress.steps(shards.each(asked), "models", len(asked)):
            found += verdicts
    return found


def _found_by(name: str) -> str:
    """Also from another folder."""
    return os.path.abspath(name) if os.path.exists(name) and name not in registry.names() else name


class Verifying:
    """Verifies a model as these options ask for."""

    def __init__(self, options: dict[str, Any], how: "How") -> None:
        self.options, self.how = options, how

    def __call__(self, asked: Asked) -> "list[Verdict]":
        from properties.command.verify import planned_of

        name, n_ctx, what = asked
        [(_, model, chosen)] = planned_of(argparse.Namespace(**self.options, names=[name], n_ctx=n_ctx, large=False))
        if about(model) != what:
            raise UnavailableError(f"{name} is another model on a worker, but should be the same file")
        return [run(model, self.how) for _, run in chosen]
