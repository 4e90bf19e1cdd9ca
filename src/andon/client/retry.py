"""
When a request is sent again, and after how long: pure policy, without a clock.

Classifying the same image twice does no harm. So whatever may be different next time is tried
again: a connection that was refused or broke, and a service that is full, starting or ending.
"""

import re
from collections.abc import Callable

from msgspec import Struct

from andon.client.messages import Answer, Broken, Outcome

RETRIED_STATUSES = frozenset({429, 502, 503})
"""Full; a proxy whose service just went; not ready. Not 500, which is a fault that comes again; nor 504: time is up."""
RETRIED_KINDS = frozenset({"unreachable", "broken"})
_SECONDS = re.compile(r"[0-9]{1,9}")


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How patient a client is."""

    retries: int = 6
    """Attempts after the first, 0 or more."""
    first_wait_s: float = 0.1
    """The longest wait before the second attempt; it doubles with each further one."""
    longest_wait_s: float = 2.0
    """What it doubles up to."""

    def decide(self, attempt: int, outcome: Outcome, remaining_s: float, random: Callable[[], float]) -> float | None:
        """
        Decide what comes after an attempt.

        Args:
            attempt: The number of the attempt that ended, from 1 on.
            outcome: How it ended.
            remaining_s: Seconds until the deadline of the whole call.
            random: Gives numbers from 0 to below 1.

        Returns:
            Seconds to wait before the next attempt, 0 or more and less than what remains; None to
            leave it at this outcome. A service that says `Retry-After` is left alone for so long,
            and what chance adds comes on top, so that its clients do not return all at once.

        Source:
            Full jitter as in Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        if attempt > self.retries or not _may_change(outcome):
            return None
        longest_s = min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(attempt - 1, 32))
        wait_s = retry_after_s(outcome) + random() * longest_s
        return wait_s if wait_s < remaining_s else None


def _may_change(outcome: Outcome) -> bool:
    if isinstance(outcome, Broken):
        return outcome.kind in RETRIED_KINDS
    return outcome.status in RETRIED_STATUSES


def retry_after_s(outcome: Outcome) -> float:
    """
    Read for how long a service wants to be left alone.

    Returns:
        Seconds; 0 where it does not say. A date is not read: the clocks of two machines differ.
    """
    if isinstance(outcome, Answer) and _SECONDS.fullmatch(text := outcome.headers.get("retry-after", "").strip()):
        return float(text)
    return 0.0
