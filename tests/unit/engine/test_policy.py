"""Which job is accepted, which is next, which is too late: held in any order of events."""

import gc
import math
import weakref
from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from andon.engine.base import Job, Priority
from andon.engine.policy import Queue, Ticket, closed, too_late
from andon.errors import EngineError

MAX_JOBS, MAX_BYTES = 6, 100


def ticket(
    size_bytes: int = 1,
    priority: Priority = Priority.interactive,
    deadline: float = math.inf,
    *,
    is_canary: bool = False,
) -> Ticket:
    """Make a ticket with an image of some bytes."""
    job = Job(model="m", image=bytes(size_bytes), priority=priority, deadline=deadline, is_canary=is_canary)
    return Ticket(job=job, future=Future(), queued_at=0.0)


def hold() -> Ticket:
    """Make a ticket that holds the worker."""
    return Ticket(job=None, future=Future(), queued_at=0.0, hold_s=1.0)


def queue(max_jobs: int = MAX_JOBS, max_bytes: int = MAX_BYTES) -> Queue:
    """Make an empty queue."""
    return Queue(max_jobs=max_jobs, max_bytes=max_bytes)


def refusal(full: Queue, *tickets: Ticket, now: float = 0.0) -> str:
    """Submit what must be refused, check that none of it is kept, and give the code."""
    before = (full.queued, full.running, full.held_bytes, full.due())
    with pytest.raises(EngineError) as caught:
        full.admit(tickets, now)
    assert (full.queued, full.running, full.held_bytes, full.due()) == before
    return caught.value.code


def drained(full: Queue) -> list[Ticket]:
    """Run what waits, one after the other."""
    order = []
    while (taken := full.take()) is not None:
        order.append(taken)
        full.finish(taken)
    return order


TICKETS = st.lists(
    st.builds(
        ticket,
        st.integers(0, 60),
        st.sampled_from(Priority),
        st.one_of(st.just(math.inf), st.floats(0.0, 30.0)),
        is_canary=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


class AnyOrder(RuleBasedStateMachine):
    """An engine with a clock of its own, and workers that take, finish and lose in any order."""

    accepted = Bundle("accepted")
    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.queue = queue()
        self.now = 0.0
        self.answers: dict[int, int] = {}
        self.waiting: list[Ticket] = []
        self.taken: list[Ticket] = []
        self.due: dict[int, Ticket] = {}

    def answer(self, answered: Ticket) -> None:
        """Count an answer, which must be the first."""
        assert self.answers[id(answered)] == 0
        self.answers[id(answered)] += 1
        del self.due[id(answered)]

    def admit(self, tickets: list[Ticket]) -> list[Ticket]:
        """Offer tickets, and predict from what is held whether they are accepted."""
        held = self.waiting + self.taken
        is_late = any(one.deadline <= self.now for one in tickets)
        is_full = len(held) + len(tickets) > MAX_JOBS or (
            bool(held) and sum(one.size_bytes for one in (*held, *tickets)) > MAX_BYTES
        )
        if is_full and not all(one.is_canary for one in tickets):
            assert refusal(self.queue, *tickets, now=self.now) == "engine.full"
            return []
        if is_late:
            assert refusal(self.queue, *tickets, now=self.now) == "engine.deadline"
            return []
        self.queue.admit(tickets, self.now)
        self.waiting += tickets
        self.answers |= {id(one): 0 for one in tickets}
        self.due |= {id(one): one for one in tickets}
        return tickets

    @rule(target=accepted, tickets=TICKETS)
    def submit(self, tickets: list[Ticket]) -> object:
        """Jobs come."""
        return multiple(*self.admit(tickets))

    @rule(target=accepted)
    def ask_to_hold(self) -> object:
        """Somebody wants to hold the worker."""
        return multiple(*self.admit([hold()]))

    @rule(target=running)
    def take(self) -> object:
        """A worker asks for work; it gets the first of the first lane, unless the worker is or is to be held."""
        order = sorted(self.waiting, key=lambda one: one.priority)
        first = order[0] if order else None
        is_held = any(one.job is None for one in self.taken)
        if is_held or (first is not None and first.job is None and self.taken):
            first = None
        taken = self.queue.take()
        assert taken is first
        if taken is None:
            return multiple()
        self.waiting.remove(taken)
        self.taken.append(taken)
        return taken

    @rule(done=consumes(running))
    def finish(self, done: Ticket) -> None:
        """A worker is done; it answers, unless that was done."""
        self.taken.remove(done)
        if self.queue.finish(done):
            self.answer(done)

    @rule(given_up=accepted)
    def give_up(self, given_up: Ticket) -> None:
        """A caller goes away, at any time, or twice."""
        if given_up in self.waiting:
            self.waiting.remove(given_up)
        if self.queue.give_up(given_up):
            self.answer(given_up)

    @rule(step=st.floats(0.0, 10.0))
    def tick(self, step: float) -> None:
        """Time passes; who is late is answered, and who is not, is not."""
        self.now += step
        for late in self.queue.expired(self.now):
            assert late.deadline <= self.now
            if late in self.waiting:
                self.waiting.remove(late)
            self.answer(late)
        assert all(one.deadline > self.now for one in self.due.values())

    @invariant()
    def what_is_held_is_counted(self) -> None:
        """Jobs, bytes, deadlines, and who is due."""
        held = self.waiting + self.taken
        assert (self.queue.queued, self.queue.running) == (len(self.waiting), len(self.taken))
        assert self.queue.held_bytes == sum(one.size_bytes for one in held)
        assert self.queue.due() == list(self.due.values())
        assert all(self.queue.is_due(one) == (id(one) in self.due) for one in held)
        assert self.queue.next_deadline() == min((one.deadline for one in self.due.values()), default=math.inf)

    def teardown(self) -> None:
        """In the end all is run; each accepted ticket has exactly one answer, and nothing is held."""
        for done in list(self.taken):
            self.finish(done)
        for done in drained(self.queue):
            self.answer(done)
        assert set(self.answers.values()) <= {1}
        assert (self.queue.queued, self.queue.running, self.queue.held_bytes, self.queue.due()) == (0, 0, 0, [])
        assert self.queue.next_deadline() == math.inf


TestAnyOrder = pytest.mark.slow(AnyOrder.TestCase)
"""Every accepted job is answered exactly once, by its deadline plus one tick, in any order of events."""
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_lanes_come_in_order_and_the_first_of_a_lane_first() -> None:
    """The line, then people, then work in bulk."""
    tickets = [ticket(priority=priority) for priority in (*reversed(Priority), *reversed(Priority))]
    filled = queue()
    filled.admit(tickets, 0.0)
    assert drained(filled) == [tickets[index] for index in (2, 5, 1, 4, 0, 3)]


def test_all_or_none_are_accepted() -> None:
    """One too many of a request, and none of it is kept; the message says how many there are."""
    filled = queue(max_jobs=3)
    filled.admit([ticket()] * 0, 0.0)
    filled.admit([ticket(), ticket()], 0.0)
    assert refusal(filled, ticket(), ticket()) == "engine.full"
    filled.admit([ticket()], 0.0)
    with pytest.raises(EngineError, match="3 images wait or run, and there is no room for 1 more"):
        filled.admit([ticket()], 0.0)


def test_bytes_are_bounded_but_for_a_request_alone() -> None:
    """What is larger than the bound could never be accepted else; while it is held, nothing else is."""
    filled = queue(max_bytes=10)
    filled.admit([ticket(8), ticket(8)], 0.0)
    assert filled.held_bytes == 16
    assert refusal(filled, ticket(1)) == "engine.full"
    drained(filled)
    filled.admit([ticket(4)], 0.0)
    assert refusal(filled, ticket(7)) == "engine.full"
    filled.admit([ticket(6)], 0.0)


def test_a_request_alone_may_hold_more_than_there_is_room_for() -> None:
    """It could never be accepted else, and its client would try for ever; while it is held, nothing else is."""
    filled = queue(max_jobs=2)
    filled.admit([ticket(), ticket(), ticket()], 0.0)
    assert refusal(filled, ticket()) == "engine.full"
    drained(filled)
    filled.admit([ticket()], 0.0)
    assert refusal(filled, ticket(), ticket()) == "engine.full"


def test_a_canary_is_accepted_when_all_is_full() -> None:
    """Whether a model is healthy does not depend on the load; a job beside it is not let in with it."""
    filled = queue(max_jobs=1, max_bytes=1)
    filled.admit([ticket()], 0.0)
    assert refusal(filled, ticket(is_canary=True), ticket()) == "engine.full"
    filled.admit([ticket(50, is_canary=True)], 0.0)
    assert filled.queued == 2
    assert refusal(filled, ticket(is_canary=True, deadline=0.0)) == "engine.deadline"


def test_a_deadline_that_has_passed_is_refused() -> None:
    """At the moment itself it has."""
    assert refusal(queue(), ticket(deadline=5.0), ticket(), now=5.0) == "engine.deadline"
    queue().admit([ticket(deadline=5.0)], math.nextafter(5.0, 0.0))


def test_holding_waits_until_nothing_runs_and_lets_nothing_past() -> None:
    """But for the line, which goes first; and while it holds, nothing runs at all."""
    filled = queue()
    running, holder, later = ticket(), hold(), ticket()
    filled.admit([running], 0.0)
    assert filled.take() is running
    filled.admit([holder, later], 0.0)
    assert filled.take() is None
    urgent = ticket(priority=Priority.line)
    filled.admit([urgent], 0.0)
    assert filled.take() is urgent
    filled.finish(urgent)
    filled.finish(running)
    assert filled.take() is holder
    filled.admit([ticket(priority=Priority.line)], 0.0)
    assert filled.take() is None
    filled.finish(holder)
    assert filled.take() is not None


def test_what_is_answered_is_not_kept() -> None:
    """A deadline that is far off, or a lane that never moves, keeps no image in memory that was answered."""
    filled = queue(max_jobs=10_000)
    filled.admit([ticket(priority=Priority.batch, deadline=1e6)], 0.0)
    images = []
    for number in range(1000):
        done = ticket(priority=Priority.batch if number % 2 else Priority.line, deadline=1e6 + number)
        done.job = Job(model="m", image=np.zeros((1, 1), np.uint8), priority=done.priority, deadline=done.deadline)
        images.append(weakref.ref(done.job.image))
        filled.admit([done], 0.0)
        if number % 2:
            filled.give_up(done)
        else:
            assert filled.take() is done
            filled.finish(done)
    del done
    gc.collect()
    assert [image for image in images if image() is not None] == []
    assert filled.next_deadline() == 1e6


class TestWorkers:
    """Several workers take from one queue."""

    def test_each_takes_the_next_and_is_known_by_it(self) -> None:
        """A ticket says who has it, as long as somebody does."""
        filled, tickets = queue(), [ticket() for _ in range(3)]
        filled.admit(tickets, 0.0)
        assert tickets[0].worker is None
        assert [filled.take(worker) for worker in (7, 4, 7)] == tickets
        assert [one.worker for one in tickets] == [7, 4, 7]
        assert [filled.count_taken(worker) for worker in (7, 4, 5)] == [2, 1, 0]
        assert filled.taken(7, tickets[2].number) is tickets[2]
        with pytest.raises(KeyError):
            filled.taken(4, tickets[0].number)
        assert filled.finish(tickets[0])
        assert (tickets[0].worker, filled.count_taken(7), filled.running) == (None, 1, 2)

    def test_what_nobody_has_taken_cannot_be_finished_or_put_back(self) -> None:
        """It would be counted twice."""
        filled, waiting = queue(), ticket()
        filled.admit([waiting], 0.0)
        for end in (filled.finish, filled.put_back):
            with pytest.raises(ValueError, match="nobody has taken"):
                end(waiting)
        assert (filled.queued, filled.running, filled.held_bytes) == (1, 0, 1)

    def test_holding_one_worker_leaves_the_others_alone(self) -> None:
        """It waits for one that has nothing, and they go on."""
        filled, busy, holder, later = queue(), ticket(), hold(), ticket()
        filled.admit([busy, holder, later], 0.0)
        assert filled.take(1) is busy
        assert filled.take(1) is None
        assert filled.take(2) is holder
        assert filled.take(2) is None
        assert filled.take(1) is later
        filled.finish(holder)
        filled.admit([last := ticket()], 0.0)
        assert filled.take(2) is last

    def test_what_a_lost_worker_had_comes_first_again_and_alone(self) -> None:
        """In its order, each in its lane, before those that have come later."""
        filled = queue(max_jobs=10)
        tickets = [ticket(), ticket(), ticket(priority=Priority.line)]
        filled.admit(tickets[:2], 0.0)
        filled.take(1), filled.take(1)
        filled.admit([tickets[2], later := ticket()], 0.0)
        filled.take(1)
        assert (filled.lose(1), filled.queued, filled.running, filled.held_bytes) == ([], 4, 0, 4)
        assert [(one.worker, one.crashes, one.needs_worker_alone) for one in tickets] == [(None, 1, True)] * 3
        assert not later.needs_worker_alone
        order = []
        while (taken := filled.take(2)) is not None:
            assert filled.take(2) is None or taken is later
            order.append(taken)
            filled.finish(taken)
        assert order == [tickets[2], *tickets[:2], later]

    def test_what_has_lost_two_workers_is_to_be_answered(self) -> None:
        """Once; its place is free, and nobody gets it again."""
        filled, guilty = queue(), ticket(5)
        filled.admit([guilty], 0.0)
        for worker, expected in ((1, []), (2, [guilty])):
            assert filled.take(worker) is guilty
            assert filled.lose(worker) == expected
        assert not filled.is_due(guilty)
        assert (filled.queued, filled.running, filled.held_bytes, filled.take(3)) == (0, 0, 0, None)
        assert not filled.give_up(guilty)

    @pytest.mark.parametrize("end", ["late", "given up"])
    def test_what_was_answered_before_its_worker_was_lost_is_forgotten(self, end: str) -> None:
        """It is not tried again, and not answered again."""
        filled, answered = queue(), ticket(5, deadline=1.0)
        filled.admit([answered], 0.0)
        filled.take(1)
        assert filled.expired(1.0) == [answered] if end == "late" else filled.give_up(answered)
        assert filled.held_bytes == 5, "its image is in use"
        assert filled.lose(1) == []
        assert (filled.queued, filled.running, filled.held_bytes, filled.take(2)) == (0, 0, 0, None)

    def test_one_that_had_nothing_may_be_lost(self) -> None:
        """One that held still may take work again under its number."""
        filled, holder = queue(), hold()
        assert filled.lose(3) == []
        filled.admit([holder], 0.0)
        assert filled.take(3) is holder
        assert filled.lose(3) == []
        assert (filled.take(3), holder.crashes) == (holder, 1)
        assert filled.lose(3) == [holder]
        filled.admit([again := ticket()], 0.0)
        assert filled.take(3) is again

    def test_what_is_put_back_is_the_next_and_not_suspected(self) -> None:
        """Also for another worker, and beside others."""
        filled, tickets = queue(), [ticket(2), ticket(3), ticket(4)]
        filled.admit(tickets, 0.0)
        filled.take(1), filled.take(1)
        filled.put_back(tickets[1])
        assert (tickets[1].worker, tickets[1].crashes) == (None, 0)
        assert (filled.queued, filled.running, filled.held_bytes, filled.count_taken(1)) == (2, 1, 9, 1)
        assert [filled.take(2), filled.take(1)] == tickets[1:]

    def test_what_was_answered_meanwhile_is_not_put_back(self) -> None:
        """Its place is free; a worker that was kept for it is, too."""
        filled, late = queue(), ticket(2, deadline=1.0)
        late.crashes = 1
        filled.admit([late, after := ticket(3)], 0.0)
        assert filled.take(1) is late
        assert filled.take(1) is None
        filled.expired(1.0)
        filled.put_back(late)
        assert (filled.queued, filled.held_bytes) == (1, 3)
        assert filled.take(1) is after


class TestTime:
    """What cannot be answered in time is refused before it makes others late."""

    def paced(self, *, workers: int = 1, seconds: float = 1.0) -> Queue:
        """Make a queue that knows what a job takes."""
        filled = queue(max_jobs=100)
        filled.forecast.note(seconds)
        filled.at_once = workers
        return filled

    @pytest.mark.parametrize(("ahead", "workers", "needed_s"), [(1, 1, 2.0), (3, 1, 4.0), (4, 2, 3.0), (9, 3, 4.0)])
    def test_it_needs_the_time_of_those_ahead_and_its_own(self, ahead: int, workers: int, needed_s: float) -> None:
        """A little less is refused; whether they wait or run makes no difference."""
        filled = self.paced(workers=workers)
        filled.admit([ticket() for _ in range(ahead)], 0.0)
        filled.take()
        assert refusal(filled, ticket(deadline=10 + needed_s - 0.01), now=10.0) == "engine.full"
        filled.admit([ticket(deadline=10 + needed_s)], 10.0)

    def test_the_message_tells_both_times(self) -> None:
        """So that a client knows how much to allow."""
        filled = self.paced(seconds=0.25)
        filled.admit([ticket(), ticket()], 0.0)
        with pytest.raises(EngineError) as caught:
            filled.admit([ticket(deadline=0.5)], 0.0)
        assert caught.value.message == (
            "2 images are to be answered before, which takes 750 ms, and the deadline is in 500 ms"
        )
        assert "X-Deadline-Ms" in caught.value.hint

    def test_lower_lanes_are_not_ahead(self) -> None:
        """They wait for it, not it for them."""
        filled = self.paced()
        filled.admit([ticket(priority=Priority.batch) for _ in range(50)], 0.0)
        filled.admit([ticket(priority=Priority.line, deadline=0.1)], 0.0)
        assert refusal(filled, ticket(priority=Priority.batch, deadline=50.0)) == "engine.full"
        assert refusal(filled, ticket(deadline=1.9)) == "engine.full"
        filled.admit([ticket(deadline=2.0)], 0.0)

    @pytest.mark.parametrize("workers", [0, 1])
    def test_where_nothing_is_known_nothing_is_refused(self, workers: int) -> None:
        """Before the first answer, or without a worker: those in front may be the last of their kind."""
        filled = queue(max_jobs=100) if workers else self.paced(workers=0)
        filled.at_once = workers
        filled.admit([ticket() for _ in range(50)], 0.0)
        filled.admit([ticket(deadline=0.01)], 0.0)

    def test_a_canary_and_what_may_take_for_ever_are_not_refused(self) -> None:
        """Nor is a deadline that is long after."""
        filled = self.paced()
        filled.admit([ticket() for _ in range(50)], 0.0)
        filled.admit([ticket(deadline=0.01, is_canary=True)], 0.0)
        filled.admit([ticket(), hold()], 0.0)
        filled.admit([ticket(deadline=1e9)], 0.0)

    def test_of_one_request_the_first_deadline_counts(self) -> None:
        """And with it all are refused, for all or none are accepted."""
        filled = self.paced()
        filled.admit([ticket()], 0.0)
        assert refusal(filled, ticket(deadline=5.0), ticket(deadline=1.5), ticket()) == "engine.full"
        # The request's own images count: the last of three waits for two more.
        filled.admit([ticket(deadline=5.0), ticket(deadline=4.0), ticket()], 0.0)


def test_errors_say_what_to_do() -> None:
    """Each of the two that an engine answers with."""
    assert (too_late().code, closed().code) == ("engine.deadline", "engine.closed")
    assert too_late().hint
    assert closed().hint
