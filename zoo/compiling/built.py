"""What a construction hands back."""

from dataclasses import dataclass

import numpy as np

from zoo.basis import Basis
from zoo.transformer import Transformer


@dataclass(frozen=True)
class Built:
    """A transformer, the names of its directions, and by how much its answers win but for rounding."""

    transformer: Transformer
    basis: Basis
    head_basis: Basis | None
    margin: float

    @property
    def nonzero(self) -> int:
        """How many of its parameters are not zero."""
        return sum(int(np.count_nonzero(array)) for array in self.transformer.named_arrays().values())
