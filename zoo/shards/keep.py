"""What is settled of long work, kept in a file: the next run goes on where this one was stopped, however it was.

The file is a SQLite database, which a program that is killed leaves whole. Results stand there by the work that they
are of and by what the shard is, as digests. Before each stands its seal, a digest of all three: what is not as it was
written counts as not there, and is settled anew.
"""

import hashlib
import sqlite3
import time
from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from zoo.black_box import BlackBox
from zoo.errors import ModelError, RuleError
from zoo.model import Model
from zoo.shards.digest import digest, versions

FORMAT = "2"
SHORT = 16  # digits of a digest
SEAL = 32  # bytes
WORDS = {
    "arrays": ("transformer",),
    "vocabulary": ("vocab",),
    "domain": ("domain",),
    "rule": ("rule", "predictors"),
    "answers": ("answers", "outputs", "within"),
}
OFTEN = 0.5  # seconds: so much may be lost
TABLES = (
    "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE settled (work TEXT, shard TEXT, result BLOB, PRIMARY KEY (work, shard))",
)


class Keep:
    """A file of what is settled of some models; ModelError where it is of others or other versions, or no such file."""

    def __init__(self, path: str | Path, *models: Model) -> None:
        self.path, self.saved = Path(path), time.monotonic()
        for model in models:
            if isinstance(model, BlackBox):
                raise ModelError(f"{model.name} is a black box, but should have weights for what is settled to be kept")
        reached = (*WORDS, "claims") if len(models) > 1 else WORDS  # of one, no verdict is kept on what is claimed
        about = {"format": FORMAT, **versions(), **_of_models(models, reached)}
        try:
            self.database = sqlite3.connect(self.path, timeout=1, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._useless(error) from error
        try:
            self.run("PRAGMA locking_mode = EXCLUSIVE")  # one run at a time
            self.run("BEGIN EXCLUSIVE")
            if not self.run("SELECT name FROM sqlite_master"):
                for table in TABLES:
                    self.run(table)
                for item in about.items():
                    self.run("INSERT INTO about VALUES (?, ?)", item)
            self._check(about)
            self.save()
        except ModelError:
            self.database.close()
            raise

    def _check(self, about: dict[str, str]) -> None:
        found = dict(self.run("SELECT name, value FROM about"))
        for name, value in about.items():
            if found.get(name) != value:
                raise ModelError(
                    f"{self.path} is of another {name} ({found.get(name)}), but should be of {value}, "
                    "or another file for what is kept"
                )

    def run(self, command: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows that a command of the database gives. ModelError where the file is none, is in use, or is full."""
        try:
            return self.database.execute(command, values).fetchall()
        except sqlite3.Error as error:
            raise self._useless(error) from error

    def _useless(self, error: Exception) -> ModelError:
        return ModelError(
            f"{self.path} cannot be used ({error}), but should be a file that --keep wrote, and no one uses"
        )

    def of(self, name: str, subject: str) -> "Kept":
        """What is kept of one work: what it is called, and the digest of its subject."""
        return Kept(self, f"{name} {subject}")

    def save(self) -> None:
        if self.database.in_transaction:
            self.run("COMMIT")
        self.saved = time.monotonic()

    def close(self) -> None:
        self.save()
        self.database.close()

    def __enter__(self) -> "Keep":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Kept:
    """The results of one work, by a digest of the shard that each is of."""

    def __init__(self, keep: Keep, work: str) -> None:
        self.keep, self.work = keep, work

    def result(self, shard: str) -> bytes | None:
        """None where there is none, or another than was written."""
        rows = self.keep.run("SELECT result FROM settled WHERE work = ? AND shard = ?", (self.work, shard))
        found = rows[0][0] if rows else None
        if not isinstance(found, bytes):
            return None
        result = found[SEAL:]
        return result if found[:SEAL] == self._seal(shard, result) else None

    def _seal(self, shard: str, result: bytes) -> bytes:
        return hashlib.sha256(f"{self.work}\0{shard}\0".encode() + result).digest()

    def add(self, shard: str, result: bytes) -> None:
        if not self.keep.database.in_transaction:
            self.keep.run("BEGIN EXCLUSIVE")
        self.keep.run(
            "INSERT OR REPLACE INTO settled VALUES (?, ?, ?)", (self.work, shard, self._seal(shard, result) + result)
        )
        if time.monotonic() - self.keep.saved > OFTEN:
            self.keep.save()


def about(model: Model) -> str:
    """What a model is, as one number; "" of a black box that holds what cannot be told from other things."""
    try:
        return digest(_of_models((model,), ()))
    except RuleError:
        if not isinstance(model, BlackBox):
            raise
        return ""  # nothing is kept of it


def _of_models(models: tuple[Model, ...], reached: Collection[str]) -> dict[str, str]:
    """What is refused if it differs, each by a word that says what it is; of some, functions with all they reach."""
    words = {
        word: [_digest(model, names, word in reached) for model in models] for word, names in _words(models).items()
    }
    return {
        "model": ", ".join(model.name for model in models),
        "dtype": ", ".join(_dtype(model) for model in models),
        **{word: digest(found)[:SHORT] for word, found in words.items()},
    }


def _words(models: tuple[Model, ...]) -> dict[str, tuple[str, ...]]:
    """Every field of the models by a word for it; what has none of its own is a claim."""
    every = dict.fromkeys(field.name for model in models for field in fields(model))
    known = {"name", *(name for names in WORDS.values() for name in names)}
    return WORDS | {"claims": tuple(name for name in every if name not in known)}


def _digest(model: Model, names: tuple[str, ...], reached: bool) -> str:
    """Of a black box there are no arrays; its function goes without the box."""
    if not isinstance(model, BlackBox):
        return digest([getattr(model, name) for name in names], kept=reached)
    held = {name: getattr(model, name) for name in names if name != "transformer"}
    return digest(held | ({"predict": model.predict.function} if "predict" in held else {}))


def _dtype(model: Model) -> str:
    return "" if isinstance(model, BlackBox) else str(model.transformer.dtype)
