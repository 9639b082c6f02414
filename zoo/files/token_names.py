"""The names of a GPT-2 directory's tokens: vocab.json, what was added to it, tokenizer.json, and rows without a name.

How text becomes tokens is not read.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from zoo.errors import FileError
from zoo.files.tensors import field, read_json

VOCAB, ADDED, TOKENIZER = "vocab.json", "added_tokens.json", "tokenizer.json"
PADDED = 8  # embeddings that were padded for the hardware have a multiple of so many rows: 8, 64 or 128


def read_names(directory: Path, size: int) -> tuple[list[str], str]:
    """The names of so many rows, and what is to be said of them, or "".

    By vocab.json and added_tokens.json; where these are short, by tokenizer.json too; by that alone where there is no
    vocab.json; else they are their numbers. The last rows of a padded embedding have names that no context can hold by
    mistake: there is a space in them, and they are nobody else's. FileError where files disagree or rows have no name.
    """
    files = [path for path in (directory / VOCAB, directory / TOKENIZER) if os.path.lexists(path)]
    if not files:
        return [str(i) for i in range(size)], ""
    numbers, used = _numbers(files[0]), [files[0]]
    for path in (directory / ADDED, *files[1:]):
        short = len(numbers) < size
        if os.path.lexists(path) and (short or path.name == ADDED):  # a whole vocab.json is held to what was added, too
            more = _numbers(path)
            if wrong := _conflict(numbers, more):
                begins = f"{_counted(used, len(numbers), size)}, and " if short else ""
                raise FileError(f"{begins}{path} says otherwise than {used[-1].name}: {wrong}")
            numbers, used = ({**numbers, **more}, [*used, path]) if short else (numbers, used)
    names = {number: token for token, number in numbers.items() if type(number) is int}
    named = len(numbers)
    if names.keys() != set(range(named)) or not (named == size or (0 < named < size and size % PADDED == 0)):
        hint = f": name the others in {ADDED}, or take {used[0].name} away and all are their numbers"
        raise FileError(f"{_counted(used, named, size)}{hint if named < size else ''}")
    if named == size:
        return [names[i] for i in range(size)], ""
    unnamed = dict(zip(range(named, size), _unused(range(named, size), numbers)))
    first, last = unnamed[named], unnamed[size - 1]
    called = first if named == size - 1 else f"{first} to {last}"
    said = " and ".join(path.name for path in used)
    note = f"{size - named} of {size} rows of the embedding are padding, without a token in {said}: called {called}"
    return [(names | unnamed)[i] for i in range(size)], note


def _counted(files: Sequence[Path], found: int, size: int) -> str:
    said = " and ".join([str(files[0]), *(path.name for path in files[1:])])
    verb = "has" if len(files) == 1 else "have"
    return f"{said} {verb} {found} tokens, but should number {size} from 0 on, by vocab_size"


def _unused(rows: range, taken: Mapping[str, Any]) -> Iterator[str]:
    for row in rows:
        candidates = (f"<|unused {row}{'_' * more}|>" for more in count())
        yield next(name for name in candidates if name not in taken)


def _numbers(path: Path) -> dict[str, Any]:
    """The numbers that a file gives to tokens; those of vocab.json are looked at later."""
    where, content = str(path), read_json(path)
    if path.name == VOCAB:
        return content
    if path.name == ADDED:
        return {token: field(where, content, token, int) for token in content}
    numbers: dict[str, Any] = field(where, field(where, content, "model", dict), "vocab", dict)
    added: dict[str, Any] = {}
    for one in field(where, content, "added_tokens", list, default=[]):
        if not isinstance(one, dict):
            raise FileError(f"{where}: added_tokens has {repr(one)[:60]}, but should have objects")
        token, number = field(where, one, "content", str), field(where, one, "id", int)
        if added.setdefault(token, number) != number:
            raise FileError(
                f"{where}: added_tokens has {repr(token)[:60]} with two numbers, but should have it with one"
            )
    if wrong := _conflict(numbers, added):
        raise FileError(f"{where}: added_tokens says otherwise than the vocabulary of the model: {wrong}")
    return {**numbers, **added}


def _conflict(numbers: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    """Where a token has two numbers, or a number two tokens, as the end of a sentence; "" where they agree."""
    tokens = {number: token for token, number in numbers.items() if type(number) is int}
    for token, number in more.items():
        if token in numbers and numbers[token] != number:
            return f"{repr(token)[:60]} is {repr(number)[:20]}, but should be {repr(numbers[token])[:20]}"
        if type(number) is int and tokens.get(number, token) != token:
            return f"{number} is {repr(token)[:60]}, but should be {repr(tokens[number])[:60]}"
    return ""
