"""Models of the zoo as they once were, for tests of the machinery: copies, which are not edited along with the zoo.

`conftest.py` puts them in the place of those of `zoo/models/` while a test of this folder runs, so that a model of the
zoo that is wrong fails its own tests (`pytest properties/test_zoo.py -k NAME`) and not those of whatever reads it.
"""

import pkgutil

ALL = sorted(module.name for module in pkgutil.iter_modules(__path__))  # each states a rule
AT_EVERY_POSITION = ["reverse", "share"]
NAMES = [name for name in ALL if name not in AT_EVERY_POSITION]  # which answer with a token after the last position
