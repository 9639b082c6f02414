"""How many examples a property is given, and that they came out in every way: what never occurred was not tested."""

from collections import Counter

from hypothesis import HealthCheck, settings

from zoo import ZooError

NIGHTLY = 1000  # a profile of so many examples is one that searches


def many(few: int, times: float = 1) -> settings:
    """So many examples, always the same ones; in the nightly profiles `times` as many as those say, at random."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    if settings().max_examples >= NIGHTLY:
        return settings(max_examples=int(times * settings().max_examples), deadline=None, suppress_health_check=slow)
    return settings(
        max_examples=few, derandomize=True, database=None, deadline=None, suppress_health_check=slow, print_blob=False
    )


def assert_occurred(outcomes: Counter[str], *kinds: str, least: int = 5) -> None:
    """Each of these that often. To be asked after examples that are always the same, or very many."""
    rare = [kind for kind in kinds if outcomes[kind] < least]
    assert not rare, f"{', '.join(rare)} should occur {least} times at least: {dict(outcomes)}"


def assert_sentence(error: ZooError) -> None:
    """One line that says what was wrong and what would be right."""
    assert "\n" not in str(error)
    assert "should" in str(error)
