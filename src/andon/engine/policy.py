"""
Which job is accepted, which is next, and which is too late: pure functions of state and `now`.

It knows no thread and no clock, and is not safe for several threads: its engine has a lock.
"""

import heapq
import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import count

from msgspec import Struct

from andon.engine.answer import Answer
from andon.engine.base import Job, Priority
from andon.engine.forecast import Forecast
from andon.errors import EngineError

RETRY_AFTER_S = 1
"""What a client that is refused is told to wait, in whole seconds."""
MAX_CRASHES, MAX_LOSSES = 2, 3
"""Workers that a job may take with it: where they ended by themselves, and where somebody else may have ended them."""
_SPARE_DEADLINES = 64
"""Deadlines of answered tickets that may be left before they are cleared away; it saves doing so all the time."""


class Ticket(Struct, eq=False, kw_only=True):
    """One job on its way through the engine; or one that holds the worker, and has no image."""

    job: Job | None
    future: Answer
    queued_at: float
    """When it was accepted."""
    hold_s: float = 0.0
    """Seconds to hold the worker for, where there is no job."""
    number: int = -1
    """Its place among all that were accepted; given by `Queue.admit`."""
    worker: int | None = None
    """Who has it; None while it waits. Given by `Queue.take`."""
    crashes: int = 0
    """Workers that ended while they had it."""

    @property
    def needs_worker_alone(self) -> bool:
        """Whether nothing else may run beside it: it holds the worker, or is suspected to have ended one."""
        return self.job is None or self.crashes > 0

    @property
    def size_bytes(self) -> int:
        """What it holds in memory."""
        return 0 if self.job is None else self.job.size_bytes

    @property
    def priority(self) -> Priority:
        """Its lane."""
        return Priority.interactive if self.job is None else self.job.priority

    @property
    def is_canary(self) -> bool:
        """Whether it is accepted however much is held."""
        return self.job is not None and self.job.is_canary

    @property
    def deadline(self) -> float:
        """When it is too late."""
        return math.inf if self.job is None else self.job.deadline


class Queue:
    """
    What waits and what runs; it keeps hold of nothing else, so that answered images are freed at once.

    Args:
        max_jobs: Tickets that may be held at once.
        max_bytes: Bytes of their images. One request alone may be over either, for it could never be accepted else.
    """

    at_once = 0
    """Jobs that the workers run side by side; 0 as long as there is none."""

    def __init__(self, *, max_jobs: int, max_bytes: int) -> None:
        self.forecast = Forecast()
        self._max_jobs = max_jobs
        self._max_bytes = max_bytes
        self._numbers = count()
        self._lanes: dict[Priority, OrderedDict[int, Ticket]] = {priority: OrderedDict() for priority in Priority}
        self._due: dict[int, Ticket] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._taken: dict[int, dict[int, Ticket]] = {}
        self._held: set[int] = set()
        self.queued = 0
        self.running = 0
        self.held_bytes = 0

    def admit(self, tickets: Sequence[Ticket], now: float) -> None:
        """
        Accept all tickets, or none.

        Raises:
            EngineError: `engine.full` or `engine.deadline`.
        """
        size_bytes = sum(ticket.size_bytes for ticket in tickets)
        held = self.queued + self.running
        is_full = held > 0 and (held + len(tickets) > self._max_jobs or self.held_bytes + size_bytes > self._max_bytes)
        if is_full and not all(ticket.is_canary for ticket in tickets):
            raise EngineError(
                f"{held} images wait or run, and there is no room for {len(tickets)} more",
                code="engine.full",
                hint=f"try again in {RETRY_AFTER_S} s, or send fewer at a time",
            )
        if any(ticket.deadline <= now for ticket in tickets):
            raise too_late()
        if not all(ticket.is_canary for ticket in tickets):
            self._require_time(tickets, now)
        for ticket in tickets:
            ticket.number = next(self._numbers)
            self._due[ticket.number] = self._lanes[ticket.priority][ticket.number] = ticket
            if ticket.deadline < math.inf:
                heapq.heappush(self._deadlines, (ticket.deadline, ticket.number))
        self.queued += len(tickets)
        self.held_bytes += size_bytes

    def _require_time(self, tickets: Sequence[Ticket], now: float) -> None:
        """Refuse what would be too late when its turn has come: to begin it would only make others late."""
        deadline, priority = min((ticket.deadline, ticket.priority) for ticket in tickets)
        if deadline == math.inf:
            return
        ahead = self.running + sum(len(lane) for other, lane in self._lanes.items() if other <= priority)
        wait_s = self.forecast.wait_s(ahead + len(tickets) - 1, self.at_once)
        if wait_s > deadline - now:
            raise EngineError(
                f"{ahead} images are to be answered before, which takes {wait_s * 1e3:.0f} ms, "
                f"and the deadline is in {(deadline - now) * 1e3:.0f} ms",
                code="engine.full",
                hint=f"try again in {RETRY_AFTER_S} s, or allow more time with X-Deadline-Ms",
            )

    def take(self, worker: int = 0) -> Ticket | None:
        """
        Give the next ticket to a worker that has room; None where there is none for it now.

        Lanes come in the order of their priority, and within a lane the first comes first. A ticket
        that needs a worker alone waits until that has nothing else, and lets nothing of its own lane
        or of lower ones past it meanwhile.
        """
        lane = next((lane for lane in self._lanes.values() if lane), None)
        if worker in self._held or lane is None:
            return None
        ticket = next(iter(lane.values()))
        taken = self._taken.setdefault(worker, {})
        if ticket.needs_worker_alone:
            if taken:
                return None
            self._held.add(worker)
        del lane[ticket.number]
        taken[ticket.number] = ticket
        ticket.worker = worker
        self.queued -= 1
        self.running += 1
        return ticket

    def give_up(self, ticket: Ticket) -> bool:
        """
        Take over a ticket that is due, to answer it otherwise; false where that was done already.

        The place of one that waits is free from now on; one that runs keeps its own until `finish`.
        """
        if self._lanes[ticket.priority].pop(ticket.number, None) is not None:
            self.queued -= 1
            self.held_bytes -= ticket.size_bytes
        return self._no_longer_due(ticket)

    def find(self, number: int) -> Ticket | None:
        """Give a ticket that is still to be answered, whether it waits or runs."""
        return self._due.get(number)

    def is_due(self, ticket: Ticket) -> bool:
        """Ask whether a ticket that was admitted is still to be answered."""
        return ticket.number in self._due

    def finish(self, ticket: Ticket) -> bool:
        """Note that a ticket that was taken no longer runs; true where it is still due, and to be answered now."""
        self._leave_worker(ticket)
        self.held_bytes -= ticket.size_bytes
        return self._no_longer_due(ticket)

    def _leave_worker(self, ticket: Ticket) -> None:
        worker, ticket.worker = ticket.worker, None
        if worker is None:
            raise ValueError("a ticket that nobody has taken cannot be finished")
        del self._taken[worker][ticket.number]
        self._held.discard(worker)
        self.running -= 1

    def taken(self, worker: int, number: int) -> Ticket:
        """Give a ticket that a worker has."""
        return self._taken[worker][number]

    def count_taken(self, worker: int) -> int:
        """Count the tickets that a worker has."""
        return len(self._taken.get(worker, ()))

    def lose(self, worker: int, *, was_ended: bool = False) -> list[Ticket]:
        """
        Take back what a worker had that has ended, and list what is to be answered with an error.

        Args:
            worker: Who had it.
            was_ended: Whether somebody else may have ended it, as with SIGKILL.

        Those that have ended no other worker go back to where they came from, and each will be run
        alone, so that only the guilty one ends a second. One that is no longer due is forgotten.
        """
        guilty: list[Ticket] = []
        for ticket in reversed(self._taken.pop(worker, {}).values()):
            self.running -= 1
            ticket.worker = None
            ticket.crashes += 1
            if not self.is_due(ticket) or ticket.crashes >= (MAX_LOSSES if was_ended else MAX_CRASHES):
                self.held_bytes -= ticket.size_bytes
                if self._no_longer_due(ticket):
                    guilty.append(ticket)
            else:
                self._wait_first(ticket)
        self._held.discard(worker)
        return guilty

    def put_back(self, ticket: Ticket) -> None:
        """Let a ticket wait again that its worker has no room for, before all others of its lane."""
        self._leave_worker(ticket)
        if self.is_due(ticket):
            self._wait_first(ticket)
        else:
            self.held_bytes -= ticket.size_bytes

    def _wait_first(self, ticket: Ticket) -> None:
        lane = self._lanes[ticket.priority]
        lane[ticket.number] = ticket
        lane.move_to_end(ticket.number, last=False)
        self.queued += 1

    def _no_longer_due(self, ticket: Ticket) -> bool:
        was_due = self._due.pop(ticket.number, None) is not None
        # What is answered in time leaves its deadline behind; one that is far off must not let them pile up.
        if len(self._deadlines) > 2 * len(self._due) + _SPARE_DEADLINES:
            self._deadlines = [entry for entry in self._deadlines if entry[1] in self._due]
            heapq.heapify(self._deadlines)
        return was_due

    def expired(self, now: float) -> list[Ticket]:
        """Give up the tickets that are due and whose deadline has passed, and list them."""
        late: list[Ticket] = []
        while self.next_deadline() <= now:
            ticket = self._due[heapq.heappop(self._deadlines)[1]]
            self.give_up(ticket)
            late.append(ticket)
        return late

    def next_deadline(self) -> float:
        """Give the time at which `expired` has to be asked again; infinity for never."""
        while self._deadlines and self._deadlines[0][1] not in self._due:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else math.inf

    def due(self) -> list[Ticket]:
        """List the tickets that nobody has answered yet or given up, whether they wait or run, oldest first."""
        return list(self._due.values())


def too_late() -> EngineError:
    """Make the error for a job that cannot be answered in time."""
    return EngineError(
        "the deadline passed before the answer was there",
        code="engine.deadline",
        hint="allow more time with X-Deadline-Ms, or send less at a time",
    )


def closed() -> EngineError:
    """Make the error for a job that comes when the engine ends."""
    return EngineError("the service is shutting down", code="engine.closed", hint="ask another one, or try again soon")
