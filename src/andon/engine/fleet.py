"""
Which worker gets which job, and which worker is given up: a pure function of what it is told, and of `now`.

It knows no process, no socket and no clock.
"""

import math

from msgspec import Struct, field

from andon.engine.policy import Queue, Ticket

SILENCE_S = 3.0
"""Seconds without a sign of life after which a worker is given up; it gives one every quarter of a second."""
LATE_S = 0.4
"""Seconds without a sign of life after which the kernel is asked whether a worker is stopped, as by SIGSTOP."""
_PATIENCE, _MOST_PATIENCE_S = 10, 300.0
"""A step may take so many times as long as the longest, which may have been a halt, and so many seconds at most."""
MAX_ASIDE = 4
"""Images that a worker may have aside: large ones, and those that are cut into tiles. They take memory."""
AHEAD = 2
"""Images that a worker has beside those that it runs: one is ready when it is free, another one is prepared."""


class Member(Struct, kw_only=True):
    """A worker that is ready."""

    worker: int
    batch: int = 1
    """Images that it runs at once."""
    aside: set[int] = field(default_factory=set)
    """Numbers of jobs that it has aside."""
    paced_at: float = 0.0
    """When it last answered, or got something to do after it had nothing."""
    given_at: float = -math.inf
    """When it was last given a job."""
    heard_at: float
    """When it last gave a sign of life."""
    is_stopped: bool = False
    """Whether the kernel says so."""
    busy_s: float = 0.0
    """Seconds for which its oldest step was going on at that time."""
    usual_s: float = 0.0
    """Seconds that its longest step so far has taken."""


class Fault(Struct, frozen=True):
    """Why a worker is given up."""

    why: str
    """In words, for the log."""
    is_from_outside: bool = False
    """Whether no image can have done it, as where somebody has stopped the worker."""


class Fleet:
    """
    The workers that are ready, and what they have.

    Args:
        queue: What waits.
        stall_timeout_s: Seconds that a step of a worker may take.
        ahead: Images that a worker is given beside those that it runs.
    """

    def __init__(self, queue: Queue, *, stall_timeout_s: float, ahead: int = AHEAD) -> None:
        self._queue = queue
        self._stall_timeout_s = stall_timeout_s
        self._ahead = ahead
        self._members: dict[int, Member] = {}
        self._asked_at: float | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, worker: object) -> bool:
        return worker in self._members

    def join(self, worker: int, now: float) -> None:
        """Take a worker in, which is ready for all models."""
        self._members[worker] = Member(worker=worker, heard_at=now)
        self._queue.at_once = len(self._members)

    def leave(self, worker: int, *, was_ended: bool = False) -> list[Ticket]:
        """
        Let go of a worker that has ended, or is given up.

        Args:
            worker: Who it is.
            was_ended: Whether somebody else may have ended it.

        Returns:
            Jobs that have ended two workers now, and are to be answered with an error. What else it had waits again.
        """
        self._members.pop(worker, None)
        self._queue.at_once = len(self._members)
        return self._queue.lose(worker, was_ended=was_ended)

    def next(self, now: float) -> Ticket | None:
        """Give the next job to hand over, with its worker in `Ticket.worker`; None where there is none now."""
        # Of those with equally many jobs each comes in turn, so that canaries and all cards get to all of them.
        for member in sorted(self._members.values(), key=lambda member: (self._load(member), member.given_at)):
            if self._has_room(member):
                ticket = self._queue.take(member.worker)
                if ticket is not None:
                    member.given_at = now
                    if self._load(member) == 1:
                        member.paced_at = now
                    return ticket
        return None

    def count_running(self) -> int:
        """Count the jobs that are worked on; those that workers have beside these wait as any other."""
        return sum(min(self._load(member), member.batch + len(member.aside)) for member in self._members.values())

    def has_others(self, ticket: Ticket) -> bool:
        """Ask whether the worker of a job has others beside it."""
        return ticket.worker is not None and self._queue.count_taken(ticket.worker) > 1

    def _load(self, member: Member) -> int:
        return self._queue.count_taken(member.worker)

    def _has_room(self, member: Member) -> bool:
        at_hand = self._load(member) - len(member.aside)
        # What is to be run next is prepared while the batch before runs.
        most = member.batch * 2 if member.batch > 1 else 1
        return at_hand < most + self._ahead and len(member.aside) < MAX_ASIDE

    def note_answer(self, worker: int, number: int, batch: int) -> None:
        """Note that a job was answered, and how many images its worker would run at once."""
        member = self._members[worker]
        member.aside.discard(number)
        member.batch = batch
        # What it was stuck with may be what was answered; its next sign of life tells.
        member.busy_s = 0.0

    def note_pace(self, worker: int, now: float, count: int) -> None:
        """Learn from so many answers how fast a worker is: from when it had something to do, or from those before."""
        member = self._members[worker]
        self._queue.forecast.note((now - member.paced_at) / count)
        member.paced_at = now

    def note_aside(self, worker: int, number: int) -> None:
        """Note that a worker goes on with others beside a job."""
        self._members[worker].aside.add(number)

    def note_beat(self, worker: int, now: float, *, busy_s: float, usual_s: float) -> None:
        """Note a sign of life."""
        member = self._members[worker]
        member.heard_at, member.busy_s, member.usual_s = now, busy_s, usual_s

    def late(self, now: float) -> list[int]:
        """List the workers whose sign of life should have come."""
        return [member.worker for member in self._members.values() if now - member.heard_at >= LATE_S]

    def note_stopped(self, worker: int) -> None:
        """Note that the kernel says of a worker that it is stopped."""
        self._members[worker].is_stopped = True

    def given_up(self, now: float) -> list[tuple[int, Fault]]:
        """
        List the workers that are to be ended, and why.

        It is to be asked again and again. Where that was not done for long, the front itself stood
        still, or the machine did: then nobody was heard, and that is no worker's fault.
        """
        if self._asked_at is not None and now - self._asked_at > SILENCE_S / 2:
            for member in self._members.values():
                member.heard_at = now
        self._asked_at = now
        found = ((member.worker, self._fault(member, now)) for member in self._members.values())
        return [(worker, fault) for worker, fault in found if fault is not None]

    def _fault(self, member: Member, now: float) -> Fault | None:
        if member.is_stopped:
            return Fault("it is stopped", is_from_outside=True)
        if now - member.heard_at >= max(SILENCE_S, self._stall_timeout_s / 4):
            return Fault(f"it has given no sign of life for {now - member.heard_at:.1f} s")
        if member.busy_s >= max(self._stall_timeout_s, min(_PATIENCE * member.usual_s, _MOST_PATIENCE_S)):
            return Fault(f"it is stuck with an image for {member.busy_s:.1f} s")
        return None
