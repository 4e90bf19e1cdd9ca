"""
Which job is accepted, which is next, and which is too late: pure functions of state and `now`.

It knows no thread and no clock, and is not safe for several threads: its engine has a lock.
"""

import heapq
import math
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

from msgspec import Struct

from andon.engine.base import Job, Priority
from andon.errors import EngineError

RETRY_AFTER_S = 1
"""What a client that is refused is told to wait, in whole seconds."""
_SPARE_DEADLINES = 64
"""Deadlines of answered tickets that may be left before they are cleared away; it saves doing so all the time."""


class Ticket(Struct, eq=False, kw_only=True):
    """One job on its way through the engine; or one that holds the worker, and has no image."""

    job: Job | None
    future: Future[Any]
    queued_at: float
    """When it was accepted."""
    hold_s: float = 0.0
    """Seconds to hold the worker for, where there is no job."""
    number: int = -1
    """Its place among all that were accepted; given by `Queue.admit`."""

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

    def __init__(self, *, max_jobs: int, max_bytes: int) -> None:
        self._max_jobs = max_jobs
        self._max_bytes = max_bytes
        self._numbers = count()
        self._lanes: dict[Priority, OrderedDict[int, Ticket]] = {priority: OrderedDict() for priority in Priority}
        self._due: dict[int, Ticket] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._is_occupied = False
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
        for ticket in tickets:
            ticket.number = next(self._numbers)
            self._due[ticket.number] = self._lanes[ticket.priority][ticket.number] = ticket
            if ticket.deadline < math.inf:
                heapq.heappush(self._deadlines, (ticket.deadline, ticket.number))
        self.queued += len(tickets)
        self.held_bytes += size_bytes

    def take(self) -> Ticket | None:
        """
        Give the next ticket to run; None where none can be run now.

        Lanes come in the order of their priority, and within a lane the first comes first. A ticket
        that holds the worker waits until nothing else runs, and lets nothing of its own lane or of
        lower ones past it meanwhile.
        """
        lane = next((lane for lane in self._lanes.values() if lane), None)
        if self._is_occupied or lane is None:
            return None
        ticket = next(iter(lane.values()))
        if ticket.job is None and self.running:
            return None
        del lane[ticket.number]
        self._is_occupied = ticket.job is None
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

    def is_due(self, ticket: Ticket) -> bool:
        """Ask whether a ticket that was admitted is still to be answered."""
        return ticket.number in self._due

    def finish(self, ticket: Ticket) -> bool:
        """Note that a ticket that was taken no longer runs; true where it is still due, and to be answered now."""
        self.running -= 1
        self.held_bytes -= ticket.size_bytes
        if ticket.job is None:
            self._is_occupied = False
        return self._no_longer_due(ticket)

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
