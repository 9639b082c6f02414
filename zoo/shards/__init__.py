"""Long work in shards: pure functions of a subject (a model, a rule) and a part of the work, on any executor.

Here is how shards run ahead of the program that asks for them (`ahead`, read it first), how a subject travels to
another process or machine (`travel`, `digest`), what it runs on there (`executors`), and how what is settled is kept
(`keep`). How work is cut into shards is not here, but where that work is: proofs, counts, mutants, comparisons.
"""

from zoo.shards.ahead import Shards
from zoo.shards.executors import cluster, processes
from zoo.shards.keep import Keep
from zoo.shards.travel import bare

__all__ = ["Keep", "Shards", "bare", "cluster", "processes"]
