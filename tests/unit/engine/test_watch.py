"""A step that does not end is seen from outside, and the longest that did is remembered."""

import threading

import pytest

from andon.engine.watch import Watch
from tests.support.waiting import TIMEOUT_S


class Clock:
    """A clock that stands still."""

    now = 100.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


def test_without_a_step_nobody_is_busy(clock: Clock) -> None:
    """And nothing is usual yet."""
    watch = Watch(clock)
    assert (watch.busy_s(), watch.usual_s) == (0.0, 0.0)
    watch.go_on()
    assert (watch.busy_s(), watch.usual_s) == (0.0, 0.0)


def test_a_step_is_busy_until_it_ends(clock: Clock) -> None:
    """Its time is the usual one from then on, as long as none takes longer."""
    watch = Watch(clock)
    with watch.step():
        clock.now += 3
        assert (watch.busy_s(), watch.usual_s) == (3.0, 0.0)
    assert (watch.busy_s(), watch.usual_s) == (0.0, 3.0)
    with watch.step():
        clock.now += 2
    assert watch.usual_s == 3.0
    with watch.step():
        clock.now += 5
    assert watch.usual_s == 5.0


def test_a_step_that_fails_has_ended(clock: Clock) -> None:
    """The error comes out, and its time counts."""
    watch = Watch(clock)

    def fail() -> None:
        with watch.step():
            clock.now += 4
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (watch.busy_s(), watch.usual_s) == (0.0, 4.0)


def test_each_part_of_a_step_counts_by_itself(clock: Clock) -> None:
    """A hundred batches of tiles are not one long step, neither meanwhile nor at the end."""
    watch = Watch(clock)
    with watch.step():
        for seconds in (1, 2, 1, 1):
            clock.now += seconds
            assert watch.busy_s() == seconds
            watch.go_on()
        clock.now += 1
    assert (watch.busy_s(), watch.usual_s) == (0.0, 2.0)


def test_of_several_threads_the_first_that_began_is_told(clock: Clock) -> None:
    """It is the one that hangs, if one does; another one may begin and end meanwhile."""
    watch, has_begun, may_end = Watch(clock), threading.Event(), threading.Event()

    def hang() -> None:
        with watch.step():
            has_begun.set()
            assert may_end.wait(TIMEOUT_S)

    thread = threading.Thread(target=hang)
    thread.start()
    assert has_begun.wait(TIMEOUT_S)
    clock.now += 10
    with watch.step():
        clock.now += 1
        watch.go_on()
        assert watch.busy_s() == 11.0
    assert (watch.busy_s(), watch.usual_s) == (11.0, 1.0)
    may_end.set()
    thread.join(TIMEOUT_S)
    assert (watch.busy_s(), watch.usual_s) == (0.0, 11.0)


def test_the_clock_is_one_that_is_never_set_back() -> None:
    """Unless another one is given."""
    watch = Watch()
    with watch.step():
        assert 0 <= watch.busy_s() < TIMEOUT_S
    assert 0 < watch.usual_s < TIMEOUT_S
