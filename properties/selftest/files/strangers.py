"""Directories that were written well, and then changed."""

import json
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo import files
from zoo.files.directories import CONFIG, TENSORS

FORMATS = {"zoo": files.write_zoo, "gpt2": files.write_gpt2}


@contextmanager
def copied(directory: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(directory, Path(folder) / "copy"))


def edit_config(**changes: Any) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        config = json.loads((directory / CONFIG).read_text())
        (directory / CONFIG).write_text(json.dumps({k: v for k, v in (config | changes).items() if v is not ...}))

    return edit


def edit_header(change: Callable[[dict[str, Any]], Any], length: int | None = None) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        content = (directory / TENSORS).read_bytes()
        n = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + n])
        change(header)
        new = json.dumps(header).encode()
        (directory / TENSORS).write_bytes(struct.pack("<Q", length or len(new)) + new + content[8 + n :])

    return edit
