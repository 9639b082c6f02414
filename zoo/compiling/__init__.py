"""What became weights without hands: rules that are compiled here, and models that others compiled, read as ours.

Here belongs what makes weights from a rule of the last few tokens, and what reads compiled models and says what they
are made for; of those no rule is stated, as the program that they were compiled from is not in their weights. How files
are read safely is `zoo.files`. Read `rules` first: `tables` asks the rule, `number` and `heads` are the constructions.
"""

from zoo.compiling.tracr import assembled, read

__all__ = ["assembled", "read"]
