"""What narrows a count, as pure functions of a model and a part of the work: they are settled here, or on workers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from properties.counting import terms
from properties.counting.engine import Bounded, Engine
from properties.counting.general import General
from properties.counting.separable import Separable
from properties.proof.counterexample import judged, margin_of
from zoo.enumeration import last_rows
from zoo.model import Model
from zoo.rule import Asked
from zoo.rule.watch import watching
from zoo.transformer.arrays import Array


class Shard(NamedTuple):
    """Parts that are split and bounded together, and by which engine."""

    engine: str
    parts: Sequence[Bounded]


class Narrowing:
    """Splits the parts of a shard, and bounds what comes of them."""

    def __init__(self, model: Model) -> None:
        self.general = General(model.transformer, model.names)
        self.separable = Separable(model.transformer, model.names) if terms.separable(model.transformer) else None

    def engine(self, name: str) -> Engine:
        if name == "general":
            return self.general
        assert self.separable is not None
        return self.separable

    def __call__(self, shard: Shard) -> list[Bounded]:
        engine = self.engine(shard.engine)
        parts = [part for one in shard.parts for part in (engine.split(one) if one.looked else [one.part])]
        return engine.bound(parts)


class OneByOne:
    """Runs contexts, and asks the rule about each: how many are wrong, and of how many is nothing asked?"""

    def __init__(self, model: Model) -> None:
        assert model.rule is not None
        self.model, self.names = model, np.array(model.names)
        self.asked = Asked(model.rule, model.names, "rule")

    def __call__(self, tokens: Array) -> tuple[int, int]:
        with np.errstate(all="ignore"):  # what overflows shows in the logits
            logits = last_rows(self.model.transformer, tokens)
        with watching(self.asked) as ask:  # here: what a rule remembers on a worker, nobody else can see
            said = [ask(context) for context in self.model.decode_rows(tokens)]
        right = np.array([[name in permitted for name in self.names] for permitted in said])
        speaks = judged(right)
        wrong = int((~(margin_of(logits, right) > 0) & speaks).sum())  # NaN is not above 0
        return wrong, int((~speaks).sum())
