"""A limit on how long a stranger's function may take: it is interrupted, and no thread or process is left behind."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, TypeVar

T = TypeVar("T")
LONGEST = 1e9  # seconds, of which a timer may have no more than fit its type: thirty years


class TooLongError(Exception):
    """What was called had not returned in the time allowed."""


class _Alarm(BaseException):  # no Exception, which the function might catch
    """Raised where the function is, when its time is over."""


def limited(seconds: float, call: Callable[[], T]) -> T:
    """What the call returns; TooLongError where it takes longer.

    A timer of the process interrupts it between two steps of Python code, and goes off again should the function catch
    that: what hangs within one call into a library is not interrupted. Signals reach the main thread only, so that in
    another one there is no limit. A timer that was set before, a limit around this one say, goes off when its time has
    come, once this call is left.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    start, handler = time.monotonic(), signal.signal(signal.SIGALRM, _stop)
    before = signal.getitimer(signal.ITIMER_REAL)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, min(seconds, before[0] or seconds, LONGEST), min(seconds, LONGEST))
            result = call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if time.monotonic() - start > seconds:  # it may have set the timer anew
            raise TooLongError
        return result
    except _Alarm:
        raise TooLongError from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # the alarm may have come in place of the call above
        signal.signal(signal.SIGALRM, handler)
        if before[0]:
            left = before[0] - (time.monotonic() - start)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-6), before[1])


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _Alarm
