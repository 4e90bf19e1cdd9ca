"""What a conversation with a service says and hears, as values: no socket, no clock."""

from collections.abc import Generator, Mapping
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct


class Ask(Struct, frozen=True, kw_only=True):
    """What is wanted of a service; a request each time it is tried."""

    method: Literal["GET", "POST"]
    path: str
    """Below the root of the service, percent-encoded; begins with `/`."""
    content_type: str = ""
    body: bytes = b""


class Send(Struct, frozen=True, kw_only=True):
    """One request to send, as it goes out."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    """Seconds until the last byte of the answer must be there, above 0."""


class Wait(Struct, frozen=True):
    """Nothing to send for a while."""

    wait_s: float
    """0 or more."""


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer, whatever it says."""

    status: int
    headers: Mapping[str, str] = {}
    """By lower-case name; of a repeated one the last."""
    body: bytes = b""


class Broken(Struct, frozen=True, kw_only=True):
    """There is no whole answer."""

    kind: Literal["unreachable", "broken", "late", "oversize"]
    """No connection was made; it broke, or brought what is not HTTP; the time was up; or the answer is larger than a
    client keeps in memory."""
    reason: str
    """One line for people."""


Outcome: TypeAlias = Answer | Broken
Result = TypeVar("Result")
Conversation: TypeAlias = Generator[Send | Wait, Outcome | None, Result]
"""Yields what to do next; is sent the outcome of a `Send`, and None after a `Wait`; returns what came of it."""
