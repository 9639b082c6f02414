"""`zoo report`: an index, and of each model a page that stands alone, written whole or not at all."""

import argparse
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from properties.command.arguments import Commands, add_models, add_n_ctx, command
from properties.command.finding import find_all, only_large
from zoo import registry
from zoo.errors import FileError, ZooError
from zoo.model import Model
from zoo.progress import steps

if TYPE_CHECKING:
    from properties.dossier.dossier import Dossier

INDEX = "index.html"


def add(commands: Commands) -> None:
    text = "Write a page of each model that stands alone, and an index: verdicts, every context, weights, evidence."
    one = command(commands, "report", report, text)
    add_models(one, "those of the zoo that do not take minutes if none is given")
    one.add_argument(
        "-o", dest="directory", metavar="DIR", required=True, help="where to: a new directory, or a report"
    )
    add_n_ctx(one)
    one.add_argument("--rule", metavar="FILE.py:NAME", help="hold the models to this function (the file is run)")
    one.add_argument(
        "--quick", action="store_true", help="without mutants, robustness and times: about a second for a small model"
    )


def report(options: argparse.Namespace) -> int:
    """The exit status of `zoo verify`."""
    from properties.checks.verdict import Requested
    from properties.dossier.gather import gather
    from properties.report import verdicts
    from properties.report.page.model import index_page, model_page

    directory = Path(options.directory)
    _check(directory)
    chosen = options.names or [name for name in registry.names() if not only_large(name)]
    named = find_all(chosen, options.n_ctx)
    rule = None if options.rule is None else registry.load_function(options.rule)
    models = [(target, model if rule is None else replace(model, rule=rule)) for target, model in named]
    others = _beside([model for _, model in models])
    found: list[Dossier] = []
    for target, model in steps(models, "report"):
        found.append(gather(Requested(target, options.n_ctx), model, others, options.quick))
    files = _names([one.model.name for one in found])
    pages = {file: model_page(one) for one, file in zip(found, files)} | {INDEX: index_page(list(zip(found, files)))}
    write(directory, pages)
    status = verdicts.verdicts([(one.asked, one.model, one.verdicts) for one in found], False, False)
    print(f"written to {directory / INDEX}")
    return status


def _beside(models: Sequence[Model]) -> list[Model]:
    """The models of the report, and those of the zoo whose names they do not have."""
    own = {model.name for model in models}
    others = []
    for name in registry.names():
        try:
            others += [] if name in own else [registry.load(name)]
        except ZooError:  # one that is broken is none of theirs
            continue
    return [*models, *others]


def _names(names: Sequence[str]) -> list[str]:
    """A file for each model, whatever it is called."""
    taken, files = {INDEX}, []
    for name in names:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:80].strip("_") or "model"
        file, again = f"{stem}.html", 1
        while file.lower() in taken:
            again += 1
            file = f"{stem}_{again}.html"
        taken.add(file.lower())
        files.append(file)
    return files


def _check(directory: Path) -> None:
    """FileError where nothing is to be written, before anything is computed."""
    if str(directory) in ("", "."):
        raise FileError("-o names no new directory, but should: a report is written as one")
    if os.path.lexists(directory) and not _is_report(directory):
        raise FileError(
            f"{directory} exists and holds no report, but should be a new directory, or a report to replace"
        )
    if not directory.absolute().parent.is_dir():
        raise FileError(
            f"there is no directory {directory.absolute().parent}, but should be one to write {directory} in"
        )


def _is_report(directory: Path) -> bool:
    """Whether all that is in it are pages of a report, or nothing is."""
    from properties.report.page.document import GENERATOR

    if directory.is_symlink() or not directory.is_dir():
        return False
    mark = f'<meta name="generator" content="{GENERATOR}">'
    try:
        return all(
            path.suffix == ".html" and path.is_file() and mark in path.read_text(encoding="utf-8")[:4000]
            for path in directory.iterdir()
        )
    except (OSError, ValueError):
        return False


def write(directory: Path, pages: Mapping[str, str]) -> None:
    """All pages or none: beside the directory, which then gets its name. FileError where that cannot be."""
    fresh, old = (directory.parent / f".{directory.name}.{secrets.token_hex(8)}" for _ in range(2))
    try:
        fresh.mkdir()
        for name, content in pages.items():
            (fresh / name).write_text(content, encoding="utf-8", newline="\n")
        _check(directory)  # once more: pages take minutes, and others write there too
        if directory.exists():
            directory.rename(old)
        try:
            fresh.rename(directory)
        except OSError:
            if old.exists():
                old.rename(directory)
            raise
    except OSError as error:
        raise FileError(f"{directory} cannot be written: {error.strerror}") from error
    finally:  # whatever ends it, Ctrl-C too
        if os.path.exists(old) and not os.path.exists(directory):  # also of a name that is too long
            old.rename(directory)
        for path in (fresh, old):
            shutil.rmtree(path, ignore_errors=True)
