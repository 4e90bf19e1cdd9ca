"""When requests are due: the closed loop, and the open loop at a rate. Pure functions of `now`."""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from andon.bench.plan import ArrivalKind, LoadPlan

_CHUNK = 4096
"""Intervals that are drawn at once."""


class Arrivals(Protocol):
    """The requests of one measurement, in the order in which they are due; times in seconds from its start."""

    def take(self, now: float) -> float | None:
        """Take the next request where it is due, and give when it was; None where none is due now."""
        ...

    def next_due(self, now: float) -> float | None:
        """Tell when the next request is due, which may be before now; None where there is none any more."""
        ...

    def left_over(self) -> int:
        """Count those that were due before the end and that nobody took."""
        ...


class ClosedLoop:
    """
    A request is due whenever somebody has time for one.

    Args:
        end_s: From then on none is due.
    """

    def __init__(self, end_s: float) -> None:
        self._end_s = end_s

    def take(self, now: float) -> float | None:
        """Take a request, which is due now."""
        return now if now < self._end_s else None

    def next_due(self, now: float) -> float | None:
        """Tell that one is due now, before the end."""
        return now if now < self._end_s else None

    def left_over(self) -> int:
        """Give 0: who has no time has no request."""
        return 0


class OpenLoop:
    """
    Requests are due at times of their own, however the service does.

    One that is taken late keeps its time, and what it waited counts: to leave that out is the
    mistake that is called coordinated omission.

    Args:
        due_s: Ascending times.
        end_s: Those from then on do not exist.
    """

    def __init__(self, due_s: Iterator[float], end_s: float) -> None:
        self._due_s = due_s
        self._end_s = end_s
        self._next = next(due_s)

    def take(self, now: float) -> float | None:
        """Take the earliest that is due and not taken."""
        if self._next > now or self._next >= self._end_s:
            return None
        due, self._next = self._next, next(self._due_s)
        return due

    def next_due(self, now: float) -> float | None:
        """Tell the earliest that is not taken."""
        return self._next if self._next < self._end_s else None

    def left_over(self) -> int:
        """Count what nobody took; it goes to the end, so it is asked once."""
        count = 0
        while self._next < self._end_s:
            self._next = next(self._due_s)
            count += 1
        return count


def arrivals_of(plan: LoadPlan) -> Arrivals:
    """Make the arrivals that a plan asks for."""
    if plan.rate is None:
        return ClosedLoop(plan.end_s)
    return OpenLoop(due_times(plan.rate, plan.arrivals, plan.seed), plan.end_s)


def due_times(rate: float, kind: ArrivalKind, seed: int = 0) -> Iterator[float]:
    """
    Yield when requests are due, in seconds, ascending, without end.

    Args:
        rate: Requests a second, above 0.
        kind: `fixed`: all intervals are 1 / rate. `poisson`: they are exponential with that mean,
            as of many clients that know nothing of each other; a second then holds more or fewer.
        seed: Of the exponential ones.

    >>> times = due_times(100, "fixed")
    >>> [next(times) for _ in range(3)]
    [0.0, 0.01, 0.02]
    """
    if kind == "fixed":
        number = 0
        while True:
            yield number / rate
            number += 1
    random = np.random.default_rng(seed)
    waiting: deque[float] = deque()
    last = 0.0
    while True:
        if not waiting:
            waiting.extend((last + np.cumsum(random.exponential(1 / rate, _CHUNK))).tolist())
        last = waiting.popleft()
        yield last
