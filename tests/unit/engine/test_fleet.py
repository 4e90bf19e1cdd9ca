"""Jobs go to the workers that have room, and workers that are stopped, silent or stuck are given up."""

import math

import pytest

from andon.engine.answer import Answer
from andon.engine.base import Job
from andon.engine.fleet import LATE_S, MAX_ASIDE, SILENCE_S, Fault, Fleet
from andon.engine.policy import Queue, Ticket

STALL_S = 10.0
TICK_S = 0.1
"""Seconds between two looks at the workers."""


def fleet(*workers: int, waiting: int = 0, ahead: int = 2) -> tuple[Fleet, Queue]:
    """Make a fleet of workers, with jobs that wait."""
    queue = Queue(max_jobs=1000, max_bytes=1000)
    found = Fleet(queue, stall_timeout_s=STALL_S, ahead=ahead)
    for worker in workers:
        found.join(worker, 0.0)
    admit(queue, waiting)
    return found, queue


def admit(queue: Queue, count: int) -> None:
    """Let jobs wait."""
    job = Job(model="m", image=b"")
    queue.admit([Ticket(job=job, future=Answer(), queued_at=0.0) for _ in range(count)], 0.0)


def hand_out(fleet: Fleet, now: float = 0.0) -> list[int | None]:
    """Hand over all that there is room for, and list who got it."""
    order = []
    while (ticket := fleet.next(now)) is not None:
        order.append(ticket.worker)
    return order


def finish(fleet: Fleet, queue: Queue, worker: int, number: int, batch: int = 1) -> None:
    """Let a worker answer a job."""
    queue.finish(queue.taken(worker, number))
    fleet.note_answer(worker, number, batch)


def watch(fleet: Fleet, until: float, start: float = 0.0) -> list[tuple[int, str]]:
    """Look at the workers again and again, and list who is given up at last."""
    for tick in range(round((until - start) / TICK_S)):
        assert fleet.given_up(start + tick * TICK_S) == []
    return fleet.given_up(until)


class TestJobs:
    """Who gets what."""

    def test_without_a_worker_or_a_job_nothing_is_handed_over(self) -> None:
        """And a fleet knows who is in it."""
        nobody, queue = fleet(waiting=3)
        assert hand_out(nobody) == []
        assert (len(nobody), queue.queued, queue.at_once) == (0, 3, 0)
        idle, queue = fleet(4, 7)
        assert hand_out(idle) == []
        assert (len(idle), 4 in idle, 5 in idle, queue.at_once) == (2, True, False, 2)

    @pytest.mark.parametrize("ahead", [0, 1, 2, 5])
    def test_each_has_one_that_runs_and_some_ahead(self, ahead: int) -> None:
        """The rest waits, and may go to whoever is free first."""
        found, queue = fleet(0, waiting=20, ahead=ahead)
        assert hand_out(found) == [0] * (1 + ahead)
        finish(found, queue, 0, 0)
        assert hand_out(found) == [0]

    @pytest.mark.parametrize(("batch", "room"), [(1, 3), (2, 6), (4, 10), (8, 18)])
    def test_one_that_runs_batches_has_the_next_one_prepared(self, batch: int, room: int) -> None:
        """As soon as it says so, and no longer."""
        found, queue = fleet(0, waiting=60)
        hand_out(found)
        finish(found, queue, 0, 0, batch)
        hand_out(found)
        assert queue.count_taken(0) == room
        finish(found, queue, 0, 1, 1)
        assert (hand_out(found) == []) is (batch > 1)

    def test_who_has_the_least_is_given_the_next(self) -> None:
        """So that work is shared out evenly."""
        found, queue = fleet(0, 1, 2, waiting=5)
        assert hand_out(found) == [0, 1, 2, 0, 1]
        finish(found, queue, 1, 1)
        finish(found, queue, 1, 4)
        admit(queue, 2)
        assert hand_out(found) == [1, 1]

    def test_what_is_aside_takes_no_room_up_to_a_number(self) -> None:
        """Until it is answered; each takes much memory."""
        found, queue = fleet(0, waiting=30, ahead=1)
        hand_out(found)
        for number in range(MAX_ASIDE - 1):
            found.note_aside(0, number)
            assert hand_out(found) == [0]
        found.note_aside(0, MAX_ASIDE - 1)
        assert hand_out(found) == []
        finish(found, queue, 0, 0)
        assert hand_out(found) == [0]

    def test_what_a_worker_had_that_left_goes_to_others(self) -> None:
        """Alone with them; and to it goes nothing more."""
        found, queue = fleet(0, 1, waiting=2)
        assert hand_out(found) == [0, 1]
        assert found.leave(0) == []
        assert (len(found), 0 in found, queue.at_once) == (1, False, 1)
        assert hand_out(found) == []
        finish(found, queue, 1, 1)
        assert hand_out(found) == [1]
        (guilty,) = found.leave(1)
        assert (guilty.number, guilty.crashes) == (0, 2)

    def test_one_that_was_never_in_may_leave(self) -> None:
        """It has ended before it was ready, and had nothing."""
        found, queue = fleet(0, waiting=1)
        assert found.leave(5) == []
        assert (len(found), queue.queued) == (1, 1)


class TestPace:
    """What a job takes is learnt from what lies between answers."""

    def test_the_time_counts_from_when_it_had_something_to_do(self) -> None:
        """Not from when it was ready, nor from its last answer long ago."""
        found, queue = fleet(0, waiting=1)
        for began in (100.0, 900.0):
            hand_out(found, began)
            number = next(iter(queue.due())).number
            finish(found, queue, 0, number)
            found.note_pace(0, began + 2.0, 1)
            assert queue.forecast.wait_s(1, 1) == pytest.approx(4.0)
            admit(queue, 1)

    def test_under_load_the_time_between_answers_counts(self) -> None:
        """Shared out among those that were run together."""
        found, queue = fleet(0, waiting=20)
        hand_out(found, 10.0)
        finish(found, queue, 0, 0)
        found.note_pace(0, 11.0, 1)
        hand_out(found, 11.0)
        assert queue.forecast.wait_s(1, 1) == pytest.approx(2.0)
        for number in (1, 2):
            finish(found, queue, 0, number)
        for _ in range(2):
            found.note_pace(0, 11.5, 2)
        assert queue.forecast.wait_s(1, 1) == pytest.approx(0.5), "the middle of 1, 0.25 and 0 s"


class TestFaults:
    """Who is given up."""

    def test_one_that_gives_signs_of_life_is_kept(self) -> None:
        """However long it has nothing to do."""
        found, _ = fleet(0)
        for tick in range(200):
            now = tick * TICK_S
            found.note_beat(0, now, busy_s=0.0, usual_s=0.0)
            assert found.given_up(now) == []

    def test_one_that_is_silent_is_given_up(self) -> None:
        """After some seconds, which the reason tells."""
        found, _ = fleet(0, 1)
        for tick in range(31):
            found.note_beat(1, tick * TICK_S, busy_s=0.0, usual_s=0.0)
        assert watch(found, SILENCE_S) == [(0, Fault("it has given no sign of life for 3.0 s"))]

    @pytest.mark.parametrize(
        ("busy_s", "usual_s", "is_stuck"),
        [
            (STALL_S - 0.01, 0.0, False),
            (STALL_S, 0.0, True),
            (STALL_S, 1.0, True),
            (STALL_S, 1.1, False),
            (10.9, 1.1, False),
            (11.0, 1.1, True),
            (math.inf, 1e6, True),
        ],
    )
    def test_one_that_is_stuck_is_given_up(self, busy_s: float, usual_s: float, *, is_stuck: bool) -> None:
        """After the time that is set, or ten times what it has taken before."""
        found, _ = fleet(0)
        found.note_beat(0, 0.0, busy_s=busy_s, usual_s=usual_s)
        expected = [(0, Fault(f"it is stuck with an image for {busy_s:.1f} s"))] if is_stuck else []
        assert found.given_up(0.0) == expected

    def test_one_that_goes_on_is_no_longer_stuck(self) -> None:
        """Its last sign of life counts."""
        found, _ = fleet(0)
        found.note_beat(0, 0.0, busy_s=100.0, usual_s=0.0)
        found.note_beat(0, 0.1, busy_s=0.0, usual_s=0.0)
        assert found.given_up(0.1) == []

    def test_one_that_is_stopped_is_given_up_at_once(self) -> None:
        """The kernel is asked once its sign of life is late; another that is late is only that."""
        found, _ = fleet(0, 1, 2)
        found.note_beat(2, 0.3, busy_s=0.0, usual_s=0.0)
        assert found.late(LATE_S - 0.01) == []
        assert found.late(LATE_S) == [0, 1]
        found.note_stopped(0)
        assert found.given_up(LATE_S) == [(0, Fault("it is stopped", is_from_outside=True))]

    def test_where_the_front_stood_still_nobody_is_given_up_for_it(self) -> None:
        """Nobody was heard while nobody listened; after that the silence counts from the beginning."""
        found, _ = fleet(0)
        assert watch(found, 2.0) == []
        assert found.given_up(60.0) == []
        assert watch(found, 60.0 + SILENCE_S, start=60.0) == [(0, Fault("it has given no sign of life for 3.0 s"))]

    def test_the_first_look_is_not_after_a_standstill(self) -> None:
        """One that has been silent since it joined is silent."""
        found, _ = fleet(0)
        assert found.given_up(SILENCE_S) == [(0, Fault("it has given no sign of life for 3.0 s"))]

    def test_one_that_has_left_is_not_given_up_again(self) -> None:
        """Another in its place starts with no faults."""
        found, _ = fleet(0)
        found.note_beat(0, 0.0, busy_s=100.0, usual_s=0.0)
        found.leave(0)
        assert found.given_up(0.0) == []
        found.join(0, 0.0)
        assert found.given_up(0.0) == []
