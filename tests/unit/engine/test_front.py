"""Each accepted job is answered once, by its deadline, whatever callers, workers and the clock do."""

import math
from concurrent.futures import wait

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from andon.engine.answer import Answer
from andon.engine.base import Job, Priority
from andon.engine.fleet import MAX_ASIDE, Fleet
from andon.engine.front import Front
from andon.engine.messages import Answered
from andon.engine.policy import MAX_LOSSES, Queue, Ticket
from andon.errors import EngineError
from andon.predictions import Prediction

MAX_JOBS, MAX_BYTES, STALL_S = 12, 120, 10.0
RIGHT = Prediction(label="red", index=0, score=1.0, scores=(1.0,), timings_ms={"infer": 1.0})


def wants_to_be_alone(ticket: Ticket) -> bool:
    """Say which tickets need a worker for themselves."""
    return ticket.job is None or ticket.crashes > 0


class FakeHand:
    """A worker that does what the test says; it holds what it is given to the rules of the fleet."""

    def __init__(self, number: int, room_bytes: int = 200) -> None:
        self.number = number
        self.room_bytes = room_bytes
        self.has: dict[int, Ticket] = {}
        self.forgotten: set[int] = set()

    def give(self, ticket: Ticket) -> bool:
        """Take a job where there is room for it."""
        if sum(other.size_bytes for other in self.has.values()) + ticket.size_bytes > self.room_bytes:
            return False
        assert ticket.future.running(), "what is given to a worker cannot be cancelled any more"
        assert not self.has or not wants_to_be_alone(ticket), "what is suspected, or holds a worker, is alone there"
        assert not any(map(wants_to_be_alone, self.has.values())), "nothing comes beside it"
        self.has[ticket.number] = ticket
        return True

    def forget(self, number: int) -> None:
        """Note it."""
        self.forgotten.add(number)

    def free(self, number: int) -> None:
        """Let go of a job."""
        del self.has[number]


def make_front(max_jobs: int = MAX_JOBS, *, ahead: int = 2) -> tuple[Front, Fleet, Queue]:
    """Make a front with its parts."""
    queue = Queue(max_jobs=max_jobs, max_bytes=MAX_BYTES)
    fleet = Fleet(queue, stall_timeout_s=STALL_S, ahead=ahead)
    return Front(queue, fleet), fleet, queue


def make_ticket(
    now: float = 0.0,
    *,
    image: bytes = b"image",
    deadline: float = math.inf,
    priority: Priority = Priority.interactive,
    is_canary: bool = False,
) -> Ticket:
    """Make a ticket of a job."""
    job = Job(model="m", image=image, priority=priority, deadline=deadline, is_canary=is_canary)
    return Ticket(job=job, future=Answer(), queued_at=now)


def answer(front: Front, hand: FakeHand, *numbers: int, now: float = 1.0, batch: int = 1) -> None:
    """Let a worker answer what it has."""
    front.note_answers(hand.number, [Answered(number, RIGHT) for number in numbers], batch, now)


def code_of(ticket: Ticket) -> str | None:
    """Give the code of the error that a ticket was answered with."""
    error = ticket.future.result(0).error
    return error.code if error else None


class Storm(RuleBasedStateMachine):
    """Callers, workers and a clock that do anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.fleet, self.queue = make_front()
        self.hands: dict[int, FakeHand] = {}
        self.now = 0.0
        self.started = 0
        self.accepted: list[Ticket] = []
        self.endings: dict[int, int] = {}
        """Workers that ended with a ticket, by its number."""

    def _tick(self) -> None:
        if self.front.next_deadline() <= self.now:
            self.front.expire(self.now)

    @rule(
        count=st.integers(1, 4),
        size=st.integers(0, 60),
        wait_s=st.one_of(st.just(math.inf), st.floats(-1.0, 30.0)),
        priority=st.sampled_from(Priority),
        is_canary=st.booleans(),
    )
    def submit(self, count: int, size: int, wait_s: float, priority: Priority, *, is_canary: bool) -> None:
        """A caller comes."""
        tickets = [
            make_ticket(
                self.now,
                image=bytes([number]) * size,
                deadline=self.now + wait_s,
                priority=priority,
                is_canary=is_canary,
            )
            for number in range(count)
        ]
        self._admit(tickets)

    @rule()
    def hold(self) -> None:
        """Somebody wants a worker to hold still."""
        self._admit([Ticket(job=None, future=Answer(), queued_at=self.now, hold_s=1.0)])

    def _admit(self, tickets: list[Ticket]) -> None:
        try:
            self.front.admit(tickets, self.now)
        except EngineError:
            assert not any(ticket.future.done() for ticket in tickets)
            return
        self.accepted += tickets

    @rule()
    def start_worker(self) -> None:
        """A worker is ready."""
        if len(self.hands) < 4:
            hand = self.hands[self.started] = FakeHand(self.started)
            self.started += 1
            self.front.join(hand, self.now)

    @precondition(lambda self: any(hand.has for hand in self.hands.values()))
    @rule(data=st.data(), batch=st.integers(1, 4))
    def work(self, data: st.DataObject, batch: int) -> None:
        """A worker answers some of what it has; of what nobody waits for any more it may answer nothing."""
        hand = data.draw(st.sampled_from([hand for hand in self.hands.values() if hand.has]))
        numbers = data.draw(st.lists(st.sampled_from(sorted(hand.has)), min_size=1, unique=True))
        answered = [Answered(number, None if number in hand.forgotten else RIGHT) for number in numbers]
        self.front.note_answers(hand.number, answered, batch, self.now)

    @precondition(lambda self: any(hand.has for hand in self.hands.values()))
    @rule(data=st.data())
    def put_aside(self, data: st.DataObject) -> None:
        """A worker goes on beside a job."""
        hand = data.draw(st.sampled_from([hand for hand in self.hands.values() if hand.has]))
        self.front.note_aside(hand.number, data.draw(st.sampled_from(sorted(hand.has))), self.now)

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """A worker ends."""
        self._end(data.draw(st.sampled_from(sorted(self.hands))), was_ended=data.draw(st.booleans()))

    def _end(self, worker: int, *, was_ended: bool = False) -> None:
        hand = self.hands.pop(worker)
        for number in hand.has:
            self.endings[number] = self.endings.get(number, 0) + 1
        self.front.leave(worker, self.now, was_ended=was_ended)

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), busy_s=st.floats(0.0, 20.0))
    def hang(self, data: st.DataObject, busy_s: float) -> None:
        """A worker says for how long it is busy, and is given up where that is too long."""
        hand = self.hands[data.draw(st.sampled_from(sorted(self.hands)))]
        self.fleet.note_beat(hand.number, self.now, busy_s=busy_s, usual_s=0.0)
        for number, _ in self.fleet.given_up(self.now):
            self._end(number)

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A caller goes away."""
        ticket = data.draw(st.sampled_from(self.accepted))
        ticket.future.cancel()
        self.front.give_up(ticket.number, self.now)

    @rule(seconds=st.floats(0.0, 10.0))
    def wait(self, seconds: float) -> None:
        """Time passes, and the front looks at the clock."""
        self.now += seconds
        self._tick()

    @invariant()
    def nothing_is_late(self) -> None:
        """By its deadline each job is answered."""
        self._tick()
        late = [ticket for ticket in self.accepted if ticket.deadline <= self.now and not ticket.future.done()]
        assert not late

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """What is not answered waits, or is with one worker that lives."""
        pending = {ticket.number for ticket in self.accepted if not ticket.future.done()}
        with_workers = [number for hand in self.hands.values() for number in hand.has]
        assert len(with_workers) == len(set(with_workers)), "no job is with two workers"
        assert len(with_workers) == self.queue.running
        waiting = {ticket.number for ticket in self.queue.due()} - set(with_workers)
        assert pending <= waiting | set(with_workers)
        assert len(waiting) == self.queue.queued

    @invariant()
    def nobody_idles_beside_work(self) -> None:
        """Where something waits, each worker has something."""
        if self.queue.queued:
            assert all(hand.has for hand in self.hands.values())

    @invariant()
    def crashes_are_bounded(self) -> None:
        """No job takes more than two workers with it, or three where somebody else ended them."""
        assert all(count <= MAX_LOSSES for count in self.endings.values())

    def teardown(self) -> None:
        """In the end sound workers answer all, and the counts add up."""
        while self.hands:
            number, hand = self.hands.popitem()
            self.front.leave(number, self.now)
            del hand
        self.front.join(last := FakeHand(self.started), self.now)
        while last.has:
            answer(self.front, last, *last.has, now=self.now)
        assert all(ticket.future.done() for ticket in self.accepted)
        found = self.front.statistics()
        jobs = [ticket for ticket in self.accepted if ticket.job is not None]
        done = found.answered + found.expired + found.quarantined
        cancelled = sum(ticket.future.cancelled() for ticket in self.accepted)
        assert (found.queued, found.running, found.held_bytes) == (0, 0, 0)
        assert found.cancelled >= cancelled, "one that waits to be tried again, and is given up, is answered"
        # Each is counted once; what holds a worker only where it is given up, or ended two.
        assert len(jobs) <= done + found.cancelled <= len(self.accepted)


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)


def test_a_worker_is_given_what_it_runs_and_a_little_more() -> None:
    """One that runs, one that is ready, one that is being prepared; the rest waits, and may go elsewhere."""
    front, _, queue = make_front(ahead=2)
    front.admit([make_ticket() for _ in range(6)], 0.0)
    front.join(first := FakeHand(0), 0.0)
    assert (sorted(first.has), queue.queued) == ([0, 1, 2], 3)
    front.join(second := FakeHand(1), 0.0)
    assert (sorted(second.has), queue.queued) == ([3, 4, 5], 0)


def test_a_worker_that_runs_batches_is_given_two_of_them() -> None:
    """While one batch runs the next one is prepared."""
    front, _, queue = make_front(max_jobs=50, ahead=2)
    front.join(hand := FakeHand(0, room_bytes=1000), 0.0)
    front.admit([make_ticket(image=b"x") for _ in range(20)], 0.0)
    answer(front, hand, 0, batch=4)
    assert (len(hand.has), queue.queued) == (10, 9)


def test_the_worker_with_the_least_is_given_the_next() -> None:
    """Also where another one was there first."""
    front, _, _ = make_front()
    front.join(first := FakeHand(0), 0.0)
    front.join(second := FakeHand(1), 0.0)
    for _ in range(4):
        front.admit([make_ticket()], 0.0)
    assert (sorted(first.has), sorted(second.has)) == ([0, 2], [1, 3])


def test_what_a_worker_had_that_ended_is_tried_again_in_order_and_alone() -> None:
    """Before what came later; so only the guilty one ends a second worker."""
    front, _, _ = make_front()
    tickets = [make_ticket() for _ in range(5)]
    front.join(FakeHand(0), 0.0)
    front.admit(tickets, 0.0)
    front.leave(0, 1.0)
    front.join(second := FakeHand(1), 1.0)
    for number in range(3):
        assert list(second.has) == [number]
        answer(front, second, number)
    assert list(second.has) == [3, 4]
    found = front.statistics()
    assert (found.retried, found.replaced, found.answered) == (3, 1, 3)


def test_a_job_that_ends_two_workers_is_answered_and_its_image_kept_away() -> None:
    """Whoever sends it again hears so at once; another image is computed."""
    front, _, _ = make_front()
    guilty = make_ticket(image=b"guilty")
    front.admit([guilty], 0.0)
    for number in range(2):
        front.join(FakeHand(number), 0.0)
        front.leave(number, 0.0)
    assert code_of(guilty) == "engine.quarantine"
    front.join(hand := FakeHand(2), 0.0)
    again, other = make_ticket(image=b"guilty"), make_ticket(image=b"secret")
    front.admit([again, other], 0.0)
    assert code_of(again) == "engine.quarantine"
    assert list(hand.has.values()) == [other]
    assert front.statistics().quarantined == 2


def test_an_image_for_which_a_worker_has_no_room_waits_for_room() -> None:
    """And keeps its turn; nobody is suspected for it."""
    front, _, _ = make_front()
    front.join(hand := FakeHand(0, room_bytes=60), 0.0)
    large = make_ticket(image=bytes(50))
    front.admit([make_ticket(image=bytes(20)), large, make_ticket(image=bytes(5))], 0.0)
    assert list(hand.has) == [0]
    answer(front, hand, 0)
    assert list(hand.has) == [1, 2]
    assert large.crashes == 0


def test_an_image_for_which_no_worker_will_ever_have_room_is_answered() -> None:
    """It holds nobody up."""
    front, _, _ = make_front()
    front.join(hand := FakeHand(0, room_bytes=10), 0.0)
    huge = make_ticket(image=bytes(11))
    front.admit([make_ticket(image=bytes(5)), huge, make_ticket(image=bytes(5))], 0.0)
    answer(front, hand, 0)
    assert code_of(huge) == "image.bytes"
    assert list(hand.has) == [2]
    assert front.statistics().held_bytes == 5


def test_images_set_aside_leave_their_room_to_others_up_to_a_number() -> None:
    """Each of them takes much memory."""
    front, _, queue = make_front(max_jobs=20)
    front.join(hand := FakeHand(0), 0.0)
    front.admit([make_ticket(image=b"") for _ in range(12)], 0.0)
    for number in range(MAX_ASIDE - 1):
        front.note_aside(0, number, 0.0)
    assert len(hand.has) == MAX_ASIDE - 1 + 3
    front.note_aside(0, MAX_ASIDE - 1, 0.0)
    assert (len(hand.has), queue.queued) == (MAX_ASIDE + 2, 12 - MAX_ASIDE - 2)
    answer(front, hand, 0)
    assert len(hand.has) == MAX_ASIDE - 1 + 3


def test_stages_add_up_to_the_time_in_the_engine() -> None:
    """What none of them accounts for is waiting."""
    front, _, _ = make_front()
    front.join(hand := FakeHand(0), 0.0)
    ticket = make_ticket(now=0.5)
    front.admit([ticket], 0.5)
    answer(front, hand, 0, now=0.75)
    assert ticket.future.result(0).timings_ms == {"queue": 249.0, "infer": 1.0}


def test_the_worker_is_told_of_a_job_that_nobody_waits_for() -> None:
    """Given up by its caller, or late; what it answers then is thrown away."""
    front, _, _ = make_front()
    front.join(hand := FakeHand(0), 0.0)
    given_up, late = make_ticket(), make_ticket(deadline=2.0)
    front.admit([given_up, late], 0.0)
    assert not given_up.future.cancel()
    front.give_up(given_up.number, 1.0)
    front.expire(2.0)
    assert hand.forgotten == {0, 1}
    answer(front, hand, 0, 1)
    assert code_of(late) == "engine.deadline"
    assert front.statistics().held_bytes == 0


def test_a_job_that_is_cancelled_in_the_moment_it_is_handed_over_disturbs_nobody() -> None:
    """Its caller has not said so yet; the next gets its place, and hearing of it later changes nothing."""
    front, _, _ = make_front()
    tickets = [make_ticket() for _ in range(3)]
    front.admit(tickets, 0.0)
    assert tickets[0].future.cancel()
    front.join(hand := FakeHand(0), 0.0)
    assert sorted(hand.has) == [1, 2]
    assert wait([tickets[0].future], 0).done, "who waits for several is told"
    front.give_up(tickets[0].number, 0.0)
    found = front.statistics()
    assert (found.cancelled, found.queued, found.running) == (1, 1, 1)


def test_what_cannot_be_in_time_is_refused_at_once() -> None:
    """By what the jobs before took; one that has time enough is taken, and so is one with nobody before it."""
    front, _, _ = make_front()
    front.join(hand := FakeHand(0), 0.0)
    front.admit([make_ticket()], 0.0)
    answer(front, hand, 0, now=1.0)
    front.admit([make_ticket(deadline=1.1)], 1.0)
    with pytest.raises(EngineError) as caught:
        front.admit([make_ticket(deadline=2.9)], 1.0)
    assert caught.value.code == "engine.full"
    assert "takes 2000 ms, and the deadline is in 1900 ms" in caught.value.message
    front.admit([make_ticket(deadline=3.1), make_ticket(deadline=1.1, is_canary=True)][:1], 1.0)
    front.admit([make_ticket(deadline=1.1, is_canary=True)], 1.0)
    assert front.statistics().refused == 1


def test_in_the_end_all_that_is_left_is_answered() -> None:
    """Whether it waits or runs."""
    front, _, _ = make_front()
    front.join(FakeHand(0), 0.0)
    tickets = [make_ticket() for _ in range(5)]
    front.admit(tickets, 0.0)
    front.end()
    assert {code_of(ticket) for ticket in tickets} == {"engine.closed"}


def test_workers_that_have_equally_much_are_given_jobs_in_turn() -> None:
    """So that each of them, and each card, is asked a canary now and then."""
    front, _, _ = make_front()
    hands = [FakeHand(number) for number in range(3)]
    for hand in hands:
        front.join(hand, 0.0)
    given = []
    for number in range(6):
        front.admit([make_ticket(now=number)], float(number))
        (busy,) = [hand for hand in hands if hand.has]
        given.append(busy.number)
        answer(front, busy, number, now=number + 0.5)
    assert given == [0, 1, 2, 0, 1, 2]


def test_what_a_worker_has_beside_its_batch_still_waits() -> None:
    """Whoever looks at the numbers sees how many are worked on."""
    front, _, _ = make_front(max_jobs=20)
    front.join(hand := FakeHand(0), 0.0)
    front.admit([make_ticket(image=b"") for _ in range(8)], 0.0)
    assert len(hand.has) == 3
    assert (front.statistics().queued, front.statistics().running) == (7, 1)
    front.note_aside(0, 0, 0.0)
    assert (front.statistics().queued, front.statistics().running) == (6, 2)
    answer(front, hand, 1, batch=4)
    assert (front.statistics().queued, front.statistics().running) == (2, 5)


def test_where_somebody_else_ended_the_worker_a_job_is_tried_once_more() -> None:
    """A few signals from outside are no reason to suspect an image."""
    front, _, _ = make_front()
    ticket = make_ticket()
    front.admit([ticket], 0.0)
    for number in range(2):
        front.join(FakeHand(number), 0.0)
        front.leave(number, 0.0, was_ended=True)
        assert not ticket.future.done()
    front.join(FakeHand(2), 0.0)
    front.leave(2, 0.0, was_ended=True)
    assert code_of(ticket) == "engine.quarantine"


def test_a_job_that_waits_to_be_tried_again_can_be_given_up() -> None:
    """It costs no second worker then; its future, which runs, is answered."""
    for is_late in (False, True):
        front, _, queue = make_front()
        ticket = make_ticket()
        front.admit([ticket], 0.0)
        front.join(FakeHand(0), 0.0)
        if is_late:
            ticket.future.cancel()
            front.give_up(ticket.number, 0.0)
        front.leave(0, 0.0)
        if not is_late:
            assert not ticket.future.cancel()
            front.give_up(ticket.number, 0.0)
        front.join(hand := FakeHand(1), 0.0)
        assert code_of(ticket) == "engine.deadline"
        assert (hand.has, queue.held_bytes) == ({}, 0)


def test_what_was_given_up_while_it_ran_is_answered_all_the_same() -> None:
    """Whoever holds the future gets a prediction."""
    front, _, _ = make_front()
    front.join(FakeHand(0), 0.0)
    ticket = make_ticket()
    front.admit([ticket], 0.0)
    front.note_answers(0, [Answered(0, None)], 1, 1.0)
    assert code_of(ticket) == "engine.deadline"
