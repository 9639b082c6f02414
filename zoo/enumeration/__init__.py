"""The answers of a transformer in all contexts, sharing work; read `paths` first.

Each cheaper path is another program than the forward pass, and `rounding` bounds what they can differ by. What is right
is not known here.
"""

from zoo.enumeration.paths import Answers, Path, Tile, answers, last_rows, logits, path

__all__ = ["Answers", "Path", "Tile", "answers", "last_rows", "logits", "path"]
