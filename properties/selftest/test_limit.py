"""A call that takes too long is interrupted, and leaves nothing behind."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable

import pytest

from zoo.limit import TooLongError, limited


def spins() -> None:
    while True:
        pass


def sleeps() -> None:
    time.sleep(60)


def catches() -> None:
    """It goes on whatever Exception it meets, as strangers' code may."""
    while True:
        with contextlib.suppress(Exception):
            spins()


def waits_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@pytest.mark.parametrize("call", [spins, sleeps, catches, waits_for_a_lock])
def test_what_hangs_is_interrupted(call: Callable[[], None]) -> None:
    threads, handler = threading.active_count(), signal.getsignal(signal.SIGALRM)
    with pytest.raises(TooLongError):
        limited(0.05, call)
    assert threading.active_count() == threads
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_returns_or_raises_in_time_does_so() -> None:
    assert limited(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        limited(5, lambda: 1 / 0)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_timer_that_was_set_before_goes_on() -> None:
    """As that of a limit around this one."""
    rang: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        assert limited(5, lambda: 7) == 7
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 0.2
        with pytest.raises(TooLongError):
            limited(0.3, spins)
        time.sleep(0.05)
        assert rang == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(TooLongError):
        limited(0.1, lambda: limited(60, spins))


def test_in_another_thread_there_is_no_limit() -> None:
    found: list[int] = []

    def slow() -> int:
        time.sleep(0.05)
        return 7

    thread = threading.Thread(target=lambda: found.append(limited(0.01, slow)))
    thread.start()
    thread.join()
    assert found == [7]


def test_what_sets_the_timer_anew_took_too_long_all_the_same() -> None:
    def late() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        time.sleep(0.02)

    with pytest.raises(TooLongError):
        limited(0.01, late)


@pytest.mark.parametrize("seconds", [1e10, 1e19, 1e300])
def test_a_limit_that_no_timer_has_is_none(seconds: float) -> None:
    assert limited(seconds, lambda: 7) == 7
