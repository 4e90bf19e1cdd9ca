"""When requests are due, told without a clock."""

from itertools import islice

import numpy as np
import pytest

from andon.bench.arrivals import ClosedLoop, OpenLoop, arrivals_of, due_times
from andon.bench.plan import LoadPlan


def test_in_the_closed_loop_a_request_is_due_whenever_somebody_asks() -> None:
    """It is due at that moment, so it is never late; from the end on there is none, and none is left over."""
    loop = ClosedLoop(10.0)
    assert [loop.take(now) for now in (0.0, 5.5, 9.99, 10.0)] == [0.0, 5.5, 9.99, None]
    assert (loop.next_due(3.0), loop.next_due(10.0), loop.left_over()) == (3.0, None, 0)


def test_in_the_open_loop_a_request_that_is_taken_late_keeps_its_time() -> None:
    """That is the whole defence against coordinated omission."""
    loop = OpenLoop(due_times(10, "fixed"), 1.0)
    assert loop.take(0.0) == 0.0
    assert loop.take(0.05) is None
    assert loop.next_due(0.05) == pytest.approx(0.1)
    assert [loop.take(0.35) for _ in range(4)] == [pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.3), None]


def test_what_was_due_before_the_end_is_taken_or_left_over() -> None:
    """Who looks late, and past the end, finds those before it; those after it never existed."""
    loop = OpenLoop(due_times(10, "fixed"), 1.0)
    assert loop.take(0.5) == 0.0
    assert loop.take(1.5) == pytest.approx(0.1)
    assert loop.left_over() == 8
    assert loop.take(2.0) is None
    assert loop.next_due(0.5) is None


def test_fixed_intervals_do_not_drift() -> None:
    """The millionth request is due when it should be, to a microsecond."""
    assert next(islice(due_times(3000, "fixed"), 1_000_000, None)) == pytest.approx(1_000_000 / 3000, abs=1e-6)


def test_poisson_arrivals_have_the_rate_and_the_spread_of_independent_clients() -> None:
    """Mean and standard deviation of the intervals are both 1 / rate; the same seed gives the same, another others."""
    times = np.array(list(islice(due_times(200, "poisson", 7), 50_000)))
    intervals = np.diff(times)
    assert (intervals >= 0).all()
    assert intervals.mean() == pytest.approx(1 / 200, rel=0.02)
    assert intervals.std() == pytest.approx(1 / 200, rel=0.03)
    assert times[:10].tolist() == list(islice(due_times(200, "poisson", 7), 10))
    assert times[0] != next(due_times(200, "poisson", 8))


def test_the_plan_chooses_the_loop() -> None:
    """Without a rate it is the closed one."""
    assert isinstance(arrivals_of(LoadPlan(connections=1)), ClosedLoop)
    assert isinstance(arrivals_of(LoadPlan(connections=1, rate=9)), OpenLoop)
