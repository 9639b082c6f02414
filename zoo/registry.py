"""Finding models: by name in `zoo/models/`, or in a file anywhere. A model file is Python and is run when loaded."""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from glob import glob
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, ref

import numpy as np

import zoo.models
from zoo.black_box import BlackBox
from zoo.digits import digits_apart, nearest
from zoo.errors import ModelError, UnknownNameError, ZooError, shown
from zoo.memory import most_bytes
from zoo.model import Model, Rule
from zoo.transformer import Transformer

RAN = "__ran__"  # in files that were run: by name, digests of what they and the files beside them said
Origin = tuple[str, int | None]  # a name or a file, and the n_ctx of the member of a family
T = TypeVar("T")
MOST_N_CTX, SURE = 2**16, 1024  # of a family; up to SURE the memory is not looked at


def names() -> list[str]:
    """The models of the zoo, in alphabetical order: the files of `zoo/models/`."""
    return sorted(m.name for m in pkgutil.iter_modules(zoo.models.__path__) if not m.name.startswith("_"))


def load(name: str, n_ctx: int | None = None) -> Model:
    """A model of the zoo by name; with n_ctx, that member of its family.

    Raises UnknownNameError for a name that is not in the zoo, ModelError where its file has no model of that name or
    where n_ctx is given and it is no family.
    """
    if not isinstance(name, str) or name not in names():
        raise UnknownNameError(_beside_whoever_asks(name) or unknown("model", str(name), names()))
    module_name = f"zoo.models.{name}"
    module = _run(module_name, lambda: importlib.import_module(module_name))
    model = _model(module, str(module.__file__))
    if model.name != name:
        raise ModelError(
            f"{module.__file__} names its model {model.name!r}, but should name it {name!r}, like the file"
        )
    return _found(model if n_ctx is None else _member(module, model, n_ctx), name, n_ctx)


def large(name: str) -> int | None:
    """The n_ctx at which `zoo verify --large` settles a model: LARGE_N_CTX in its file; None where there is none."""
    if name not in names():
        return None
    n_ctx: int | None = getattr(importlib.import_module(f"zoo.models.{name}"), "LARGE_N_CTX", None)
    return n_ctx


def family(name: str) -> Callable[[int], Model] | None:
    """What builds the member of a model's family that reads n_ctx tokens; None where it is no family of the zoo.

    Where a builder can leave out the directions of positions, only the last four have them: what is asked from the last
    position stays the same, and one-hot arrays for thousands of positions would take gigabytes.
    """
    build = getattr(importlib.import_module(f"zoo.models.{name}"), "build", None) if name in names() else None
    if build is None or "n_ctx" not in inspect.signature(build).parameters:
        return None

    def member(n_ctx: int) -> Model:
        few = (
            {"positions": range(max(n_ctx - 4, 0), n_ctx)} if "positions" in inspect.signature(build).parameters else {}
        )
        model: Model = build(n_ctx=n_ctx, **few)
        return model

    return member


def load_file(path: str | Path, n_ctx: int | None = None) -> Model:
    """The MODEL that a Python file defines, or with n_ctx that member of its family. The file is code and is run.

    One that defines build_model and add instead, as leaderboards of adders ask for, is a BlackBox.
    ModelError names the file where that fails.
    """
    path = Path(path)
    if not os.path.isfile(path) or path.suffix != ".py":
        raise ModelError(f"{path} is no model file, but should be a Python file that defines MODEL")
    module = _run(str(path), lambda: import_file(path))
    model = _model(module, str(path))
    return _found(model if n_ctx is None else _member(module, model, n_ctx), str(path.resolve()), n_ctx)


def load_function(target: str) -> Rule:
    """The function that a Python file defines, by "FILE.py:NAME". The file is run. ModelError where there is none."""
    file, _, name = target.rpartition(":")
    path = Path(file)
    if not os.path.isfile(path) or path.suffix != ".py":
        raise ModelError(f"{target} names no Python file, but should be FILE.py:NAME")
    function = getattr(_run(file, lambda: import_file(path)), name, None)
    if not callable(function):
        raise ModelError(f"{file} defines no function {name!r}, but should: it was asked for as {target}")
    rule: Rule = function
    return rule


_origins: "WeakKeyDictionary[Transformer, Origin]" = WeakKeyDictionary()
_functions: dict[int, tuple["ref[Any]", Origin, int]] = {}


def _found(model: Model, target: str, n_ctx: int | None) -> Model:
    """The model; what its weights, its rule and its predictors were found by is kept in mind."""
    if not isinstance(model, BlackBox):
        _origins[model.transformer] = target, n_ctx
        for i, function in enumerate((model.rule, *model.predictors)):
            with suppress(TypeError):  # what has no weak references
                _functions[id(function)] = ref(function), (target, n_ctx), i
    return model


def origin_of(function: object) -> tuple[Origin, int] | None:
    """By what `load` or `load_file` finds a model with this rule (0), or with this predictor (from 1 on)."""
    known = _functions.get(id(function))
    return None if known is None or known[0]() is not function else known[1:]


def origin(transformer: Transformer) -> Origin | None:
    """By what `load` or `load_file` finds a model with these weights, or with weights that become these `astype`."""
    if transformer in _origins:
        return _origins[transformer]
    return next((found for other, found in list(_origins.items()) if other.becomes(transformer)), None)


def _beside_whoever_asks(name: object) -> str:
    """A sentence that names the Python file that was meant: of that name, or where no model's is near nearly that."""
    if not isinstance(name, str):
        return ""
    if os.path.isfile(f"{name}.py"):
        return f"there is no model {name!r}; the file is {name}.py"
    if difflib.get_close_matches(name, names(), n=1):
        return ""
    near = difflib.get_close_matches(f"{name}.py", sorted(glob("*.py")), n=1, cutoff=0.75)
    return f"there is no model {name!r}; did you mean the file {near[0]}?" if near else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the nearest known names."""
    near = difflib.get_close_matches(name, known := list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    return f"there is no {kind} {name!r}; {hint}"


class _AsWritten(SourceFileLoader):
    """Runs what the file says. What was compiled of it before passes for it if both are as long and of one second.

    What was run is put down, for it to be told from another version.
    """

    def __init__(self, name: str, path: str, ran: dict[str, str]) -> None:
        super().__init__(name, path)
        self.ran = ran

    def get_code(self, fullname: str) -> CodeType:
        content = self.get_data(self.path)
        self.ran[fullname] = hashlib.sha256(content).hexdigest()
        return self.source_to_code(content, self.path)


class _Beside:
    """Finds modules that are files beside one that is run, where there are none of that name elsewhere."""

    def __init__(self, folder: Path, ran: dict[str, str]) -> None:
        self.folder, self.ran = folder, ran
        self.found: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        file = self.folder / f"{name}.py"
        if path is not None or not file.is_file():
            return None
        self.found.append(name)
        return importlib.util.spec_from_file_location(name, file, loader=_AsWritten(name, str(file), self.ran))


@contextmanager
def _beside(path: Path, ran: dict[str, str]) -> Iterator[None]:
    """What lies beside a file can be imported as it runs, and is forgotten then: files elsewhere may have its names."""
    finder = _Beside(path.resolve().parent, ran)
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for module in [sys.modules.pop(name, None) for name in finder.found]:
            if module is not None:
                vars(module)[RAN] = ran


def import_file(path: Path) -> ModuleType:
    """The module that a file is; it is run."""
    name = f"zoo_model_file_{path.stem}"
    ran: dict[str, str] = {}
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsWritten(name, str(path), ran))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    vars(module)[RAN] = ran
    with _beside(path, ran):
        spec.loader.exec_module(module)
    return module


def _run(where: str, run: Callable[[], T]) -> T:
    try:
        return run()
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == where]
        at = f" at line {lines[-1]}" if lines else ""
        text = str(error) if isinstance(error, ZooError) else shown(error, str)
        raise ModelError(f"{where} could not be run{at}: {type(error).__name__}: {text}") from error


def _model(module: ModuleType, where: str) -> Model:
    model = getattr(module, "MODEL", None)
    if model is None:
        from zoo import leaderboards  # which few files need: the start-up stays quick

        if leaderboards.is_entry(module):
            return leaderboards.adder(module, where)
        raise ModelError(f"{where} defines no MODEL, but should set MODEL = Model(...) or define build_model and add")
    if not isinstance(model, Model):
        raise ModelError(f"MODEL in {where} is a {type(model).__name__}, but should be a Model")
    return model


def _member(module: ModuleType, model: Model, n_ctx: int) -> Model:
    build = getattr(module, "build", None)
    if build is None or "n_ctx" not in inspect.signature(build).parameters:
        if n_ctx == model.n_ctx:
            return model
        raise ModelError(f"{model.name} is no family: it exists at n_ctx {model.n_ctx} only")
    if not isinstance(n_ctx, int) or n_ctx < 1:
        raise ModelError(f"n_ctx is {n_ctx!r}, but should be a whole number from 1 on")
    if n_ctx > MOST_N_CTX:
        raise ModelError(f"n_ctx is {n_ctx}, but should be at most {MOST_N_CTX}")
    if n_ctx > SURE and (size := _bytes(partial(_built, module, build), n_ctx)) > (most := most_bytes()):
        digits = digits_apart(size / 1e9, most / 1e9, 2)
        raise ModelError(
            f"{model.name} at n_ctx {n_ctx} has about {nearest(size / 1e9, digits)} GB of weights, "
            f"but should have at most {nearest(most / 1e9, digits)} GB, an eighth of this machine's memory"
        )
    return _built(module, build, n_ctx)


def _built(module: ModuleType, build: Callable[..., Model], n_ctx: int) -> Model:
    """ModelError for a builder that raises, or returns what is no member of that size."""
    where = f"build(n_ctx={n_ctx}) of {module.__file__ or module.__name__}"
    member = _run(where, lambda: build(n_ctx=n_ctx))
    if not isinstance(member, Model):
        raise ModelError(f"{where} is a {type(member).__name__}, but should be a Model")
    if member.n_ctx != n_ctx:
        raise ModelError(f"{where} is a model of {member.n_ctx} tokens, but should be one of {n_ctx}")
    return member


def _bytes(built: Callable[[int], Model], n_ctx: int) -> float:
    """The size of that member's arrays, from those of small ones: none grows faster than n_ctx squared."""
    near = (64, 128, 192)
    parts = [[part for _, part in built(n).transformer.parts()] for n in near]
    sizes = [sum(array.nbytes for part in one for _, array in part.arrays()) for one in parts]
    return float(np.polyval(np.polyfit(near, sizes, 2), n_ctx))
