"""Programs that became weights elsewhere: compiled models, read as ours.

Here belongs what reads them and says what they are made for; no rule is stated of them, as the program that they were
compiled from is not in their weights. How files are read safely is `zoo.files`. Read `tracr` first.
"""

from zoo.compiling.tracr import assembled, read

__all__ = ["assembled", "read"]
