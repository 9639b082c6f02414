"""Files that are there whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes beside the file, and gives it its name at the end. OSError where it cannot be written.

    Whatever ends it, Ctrl-C too, nothing else is left, and what was there before stays. Where the name is a link, what
    it points to is written, and the link stays.
    """
    part = _part(path)
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(_target(path))
    finally:
        _gone(part)


def check_room(path: Path) -> None:
    """OSError where there can be no such file, before anything is spent on what it is to hold."""
    part = _part(path)
    try:
        part.touch()
    finally:
        _gone(part)


def _target(path: Path) -> Path:
    """What a link points to; of a link to itself there is nothing but the link."""
    return Path(os.path.realpath(path))


def _part(path: Path) -> Path:
    """Known before it is there; nobody else's."""
    path = _target(path)
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _gone(part: Path) -> None:
    with suppress(OSError):  # where it cannot be, it never was, and that is said already
        part.unlink(missing_ok=True)
