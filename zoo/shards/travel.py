"""How a subject and its shards get to another process: functions by name or file, models of the zoo by name.

What arrives is checked: versions, the digest of each file, and that of the subject as it was put together again.
"""

import gc
import importlib
import inspect
import io
import pickle
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import _lru_cache_wrapper, lru_cache
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

from zoo import registry
from zoo.errors import ModelError, RuleError, UnavailableError
from zoo.model import Model
from zoo.shards.data import PROJECT, SafeUnpickler, Unpickler, reduced
from zoo.shards.digest import digest, source_digest, source_file, versions
from zoo.transformer import Transformer

MOST = 2**25  # bytes of a subject that goes along with each of its shards
KEPT = 4  # subjects that a worker has at hand
FILE_MODULE = "zoo_model_file_"  # what the registry calls files that it runs

Work = Callable[[Any], Any]
Make = Callable[..., Work]  # of a subject: what settles shards of it


class _Pickler(pickle.Pickler):
    """Pickles by value what is data, by name what can be imported, and by file what stands in a file that is run."""

    def reducer_override(self, one: Any) -> Any:
        if callable(one):
            if (of := registry.origin_of(one)) is not None:
                return _function, (*of[0], of[1])
            if isinstance(one, type | FunctionType | _lru_cache_wrapper):
                return _named(one)
        if isinstance(one, Transformer) and (known := registry.origin(one)) is not None:
            return _transformer, (*known, str(one.dtype))
        return reduced(one)


class _Sharing(_Pickler):
    """The same, of what both sides have by its number."""

    def __init__(self, file: io.BytesIO, shared: Sequence[object]) -> None:
        super().__init__(file, protocol=5)
        self.shared = {id(one): i for i, one in enumerate(shared)}

    def persistent_id(self, one: object) -> int | None:
        return self.shared.get(id(one))


def dumps(one: object, shared: Sequence[object] = ()) -> bytes:
    file = io.BytesIO()
    try:
        (_Sharing(file, shared) if shared else _Pickler(file, protocol=5)).dump(one)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise RuleError(f"what is asked cannot be sent ({error}), but should be plain data or functions") from error
    return file.getvalue()


def loads(data: bytes, shared: Sequence[object] = (), safely: bool = False) -> Any:
    """ModelError for what is not data, where that is to be made sure."""
    collects = gc.isenabled()
    gc.disable()  # nothing of it is garbage, and to look through it as it grows takes three times as long as the rest
    try:
        return (SafeUnpickler if safely else Unpickler)(io.BytesIO(data), shared).load()
    except Exception as error:
        if not safely or isinstance(error, ModelError):
            raise
        what = f"what was kept cannot be read ({type(error).__name__}: {error})"
        raise ModelError(f"{what}, but should be of what shards settle") from error
    finally:
        if collects:
            gc.enable()


def _named(one: Any) -> Any:
    """How a function or a class is found again. RuleError where it cannot be."""
    name, module = one.__qualname__, one.__module__
    if isinstance(one, type) and module.startswith(PROJECT) and "<" not in name:
        return NotImplemented
    if "<" in name or module == "__main__":
        what = "is defined in __main__" if module == "__main__" else "is a lambda or stands within another function"
        raise RuleError(f"{name} {what}, but should be at the top of a file or module to be sent to other processes")
    by_file = module.startswith(FILE_MODULE)
    same = module.partition(".")[0] in ("numpy", *sys.stdlib_module_names) or module in (__name__, reduced.__module__)
    if same or (isinstance(one, type) and not by_file):
        return NotImplemented  # by its name
    space = vars(sys.modules[module]) if isinstance(one, type) else inspect.unwrap(one).__globals__
    there: Any = SimpleNamespace(**space)
    for part in name.split("."):
        there = getattr(there, part, None)
    if there is not one:
        raise RuleError(f"{name} is not what {module} has by that name, but should be to be sent to other processes")
    if by_file and (path := source_file(one)) is not None:
        return _from_file, (str(path), name, source_digest(one))
    return _from_module, (module, name, source_digest(one))


def _from_module(module: str, name: str, its: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UnavailableError(f"{module}.{name} is not to be had on a worker ({error}), but should be") from error
    return _same(found, its, f"{module}.{name}")


def _from_file(path: str, name: str, its: str) -> Any:
    if not Path(path).is_file():
        raise UnavailableError(f"{path} is not to be had on a worker, but should be the same file at the same place")
    found: Any = _run(path, its)
    for part in name.split("."):
        found = getattr(found, part)
    return _same(found, its, path)


_modules: dict[tuple[str, str], Any] = {}  # files that were run, by what they say


def _run(path: str, its: str) -> Any:
    if (path, its) not in _modules:
        _modules[path, its] = registry.import_file(Path(path))
    return _modules[path, its]


def _same(found: Any, its: str, what: str) -> Any:
    if source_digest(found) != its:
        raise UnavailableError(f"{what} says something else on a worker, but should be the same file")
    return found


@lru_cache(maxsize=1)
def _model(target: str, n_ctx: int | None) -> Model:
    """By what it was found by; whether it is the same is checked with the whole subject."""
    return (registry.load_file if target.endswith(".py") else registry.load)(target, n_ctx)


def _transformer(target: str, n_ctx: int | None, dtype: str) -> Transformer:
    return _model(target, n_ctx).transformer.astype(dtype)


def _function(target: str, n_ctx: int | None, number: int) -> Any:
    """A rule or predictor of a model."""
    model = _model(target, n_ctx)
    return (model.rule, *model.predictors)[number]


def bare(model: Model) -> Model:
    """The model with what is right, and nothing else that may not travel."""
    return replace(model, source="", claims=(), deviations=(), cycle=None, basis=None, head_basis=None, lemmas=())


@dataclass(frozen=True)
class Parcel:
    """A subject on its way, what makes work of it, and with which versions it was packed."""

    content: bytes
    digest: str
    versions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, make: Make, subject: tuple[Any, ...]) -> "Parcel":
        """RuleError for a function that cannot be found again elsewhere, ModelError where it is too large."""
        content = dumps((make, subject))
        if len(content) > MOST:
            raise ModelError(
                f"the model is {len(content) / 1e6:.0f} MB, but should be {MOST / 1e6:.0f} MB at most to be sent to "
                "other processes, or be one of the zoo, or the MODEL of a file, which are sent by name"
            )
        return cls(content, digest(subject), tuple(versions().items()))

    def check(self) -> None:
        """UnavailableError where versions differ."""
        own = versions()
        for name, its in self.versions:
            if own.get(name) != its:
                raise UnavailableError(f"a worker has {name} {own.get(name)}, but should have {its}, as it is here")

    def open(self) -> Work:
        """UnavailableError where what is found here is something else."""
        make, subject = loads(self.content)
        if digest(subject) != self.digest:  # it may be at hand from before its files were changed
            _model.cache_clear()
            make, subject = loads(self.content)
        if digest(subject) != self.digest:
            raise UnavailableError("the model or rule is another one on a worker, but should be the same files")
        work: Work = make(*subject)
        return work


_at_hand: OrderedDict[str, Work] = OrderedDict()
_one_at_a_time = threading.Lock()  # bounds keep what they computed, and rules are watched


class Settled(NamedTuple):
    """What a worker found of some shards, what was raised of which, and how long it took."""

    seconds: float
    results: bytes
    errors: dict[int, Exception]


Answer = Settled | None  # None where it has not the subject at hand


def settled_elsewhere(subject: str, parcel: Parcel | None, content: bytes) -> Answer:
    """What a worker does with shards of a subject of that digest."""
    with _one_at_a_time:
        work = _at_hand.get(subject)
        if parcel is not None:
            parcel.check()
        if work is None:
            if parcel is None:
                return None
            work = _at_hand[subject] = parcel.open()
            while len(_at_hand) > KEPT:
                _at_hand.popitem(last=False)
        begin, shared = time.perf_counter(), getattr(work, "shared", ())
        shards, results, errors = loads(content, shared), list[Any](), dict[int, Exception]()
        for i, shard in enumerate(shards):
            try:
                results.append(work(shard))
            except Exception as error:  # of this shard, which may never be asked for
                results.append(None)
                errors[i] = error
        return Settled(time.perf_counter() - begin, dumps(results, both_have(shared, shards)), errors)


def both_have(shared: Sequence[object], shards: Sequence[Any]) -> tuple[object, ...]:
    """What results may refer to: what all shards may, and the boxes of these."""
    return (*shared, *(box for shard in shards for box in getattr(shard, "known", ())))
