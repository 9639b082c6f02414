"""The answers of a transformer in all contexts, sharing work; read `paths` first.

Each cheaper path, by numpy or in C (`native`), is another program than the forward pass, and `rounding` bounds by what
they can differ. What is right is not known here.
"""

from zoo.enumeration.paths import Answers, Path, answers, last_logits, last_rows, logits, path
from zoo.enumeration.tiles import Tile

__all__ = ["Answers", "Path", "Tile", "answers", "last_logits", "last_rows", "logits", "path"]
