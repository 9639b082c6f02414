"""A clock that goes on when it is looked at: what ends as its time is over then ends alike on every machine."""

import time
from itertools import count

import pytest


def ticking(monkeypatch: pytest.MonkeyPatch, seconds: float = 1e-3) -> None:
    """The processor's time goes on by so much with each look at it, and by nothing else."""
    looks = count()
    monkeypatch.setattr(time, "process_time", lambda: next(looks) * seconds)
