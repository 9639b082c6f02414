"""What a report says of one model, as data. What could not be found, or was not looked for, is there as `Missing`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from properties.checks.verdict import Requested, Verdict
from properties.counting import Count
from properties.dossier.answers import Answers
from properties.dossier.tree import Read
from properties.proof.bands import Bands
from properties.proof.boxes import Settled
from properties.robustness.bearing import Borne
from properties.robustness.mutants import Story
from zoo.cost.ladder import Rung
from zoo.cost.operations import Parameters
from zoo.inspection.context_map import Run
from zoo.inspection.maps import Map
from zoo.model import Claim, Context, Model
from zoo.transformer.arrays import Array

QUICK = "left out, as --quick asks for"


@dataclass(frozen=True)
class Missing:
    """In place of what is not there."""

    why: str


@dataclass(frozen=True)
class Source:
    """A rule as it is written: its name, the first line of what it says of itself, and its text."""

    name: str
    said: str
    text: str


@dataclass(frozen=True)
class Caught:
    """For each weight of a matrix, which part of its changes is caught: both [row, column]."""

    title: str
    share: Array
    matrix: Array


@dataclass(frozen=True)
class Mutants:
    """What became of all the changes of the weights, or of some of them, and then there are no matrices."""

    stories: Sequence[Story]
    total: int
    caught: Sequence[Caught] = ()


@dataclass
class Dossier:
    """What was found of a model. All but the first four are filled in one after the other."""

    asked: Requested
    model: Model
    others: Sequence[Model]  # which it is held beside
    quick: bool = False
    verdicts: list[Verdict] = field(default_factory=list)
    claims: list[tuple[Claim, object, bool]] = field(default_factory=list)
    lemmas: list[tuple[str, bool]] = field(default_factory=list)
    answers: Answers | None = None
    rows: dict[int, list[Run]] = field(default_factory=dict)  # of the map, by length
    settled: Sequence[Settled] = ()  # the boxes of a proof, where contexts are too many; none where these are too many
    bands: Bands | None = None  # the same, put together
    rule: Read | Missing = field(default_factory=lambda: Missing("no rule and no predictor is stated"))
    meant: Read | Missing | None = None
    sources: list[Source] = field(default_factory=list)
    program: str | Missing = ""
    counts: Count | Missing | None = None  # where it is not right everywhere
    maps: list[tuple[str, list[Map]]] | Missing = field(default_factory=list)
    sentences: list[tuple[str, str]] = field(default_factory=list)
    mutants: Mutants | Missing = field(default_factory=lambda: Missing(QUICK))
    bearing: list[Borne] | Missing = field(default_factory=lambda: Missing(QUICK))
    rungs: list[Rung] | Missing = field(default_factory=lambda: Missing(QUICK))
    flops: int | None = None
    parameters: Parameters | None = None
    beside: list[Verdict] | Missing = field(default_factory=list)
    certificate: dict[str, Any] | Missing = field(default_factory=lambda: Missing(""))
    digest: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    notable: list[tuple[str, Context]] = field(default_factory=list)
    page: dict[str, Any] = field(default_factory=dict)  # what the page computes with

    @property
    def status(self) -> str:
        """The gravest of its verdicts."""
        found = {verdict.status for verdict in self.verdicts}
        return next((one for one in ("failed", "undecided", "deviates") if one in found), "holds")
