"""What is seldom set of a client, with its bounds."""

import math
import os
import re
from typing import Literal

from msgspec import Struct

from andon.errors import UsageError

MIN_DEADLINE_S, MAX_DEADLINE_S = 0.01, 600.0
"""What a service takes as `X-Deadline-Ms`."""
_TOKEN = re.compile(r"[!-~]+")
_PRIORITIES = (None, "line", "interactive", "batch")


class ClientOptions(Struct, frozen=True, kw_only=True):
    """
    Options of a client that are seldom set.

    Raises:
        UsageError: `usage.argument`: a value is out of its range.
    """

    retries: int = 6
    """Attempts after the first, 0 or more, by default 6: made where another may succeed and does no harm.

    With the waits between them they take 2.5 s, as long as a service takes to start again, and up to 5 s."""
    priority: Literal["line", "interactive", "batch"] | None = None
    """The lane in which the service queues the images; None, the default, leaves it to the service."""
    connections: int = 8
    """Connections open at once, 1 or more, by default 8; a call that finds all in use waits, up to its deadline."""
    ca_file: str | os.PathLike[str] | None = None
    """For https: a file of PEM certificates that are trusted; None, the default, for those that the machine trusts."""

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise UsageError(f"retries is {self.retries}, expected 0 or more", code="usage.argument")
        if self.connections < 1:
            raise UsageError(f"connections is {self.connections}, expected 1 or more", code="usage.argument")
        if self.priority not in _PRIORITIES:
            raise UsageError(
                f"priority is {self.priority!r}, expected line, interactive or batch", code="usage.argument"
            )


DEFAULT_OPTIONS = ClientOptions()


def require_deadline(deadline_s: float) -> float:
    """
    Give a deadline that a service takes.

    Raises:
        UsageError: `usage.argument`: it is no number of seconds between 0.01 and 600.
    """
    if not (math.isfinite(deadline_s) and MIN_DEADLINE_S <= deadline_s <= MAX_DEADLINE_S):
        raise UsageError(
            f"deadline_s is {deadline_s}, expected {MIN_DEADLINE_S} to {MAX_DEADLINE_S:g} seconds",
            code="usage.argument",
        )
    return float(deadline_s)


def authorisation(token: str | None) -> dict[str, str]:
    """
    Give the header that brings a token.

    Raises:
        UsageError: `usage.argument`: the token is empty or holds a space, a line break or anything
            beyond ASCII; it is not repeated in the error.
    """
    if token is None:
        return {}
    if not _TOKEN.fullmatch(token):
        raise UsageError(
            "the token is empty, or holds characters that a header cannot have",
            code="usage.argument",
            hint="a line break at the end of the file it was read from? token.strip() takes it off",
        )
    return {"Authorization": f"Bearer {token}"}


def client_closed() -> UsageError:
    """Make the error for a call after `close`."""
    return UsageError("the client is closed", code="usage.argument", hint="make another one; it costs little")
