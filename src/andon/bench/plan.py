"""What load is put on a service, and for how long: options with their bounds, nothing of how it is done."""

import math
from typing import Literal

from msgspec import Struct

from andon.errors import UsageError

MAX_CONNECTIONS = 10_000
MAX_RATE = 100_000.0
MAX_DURATION_S = 24 * 3600.0
MAX_WAIT_S = 600.0
"""The longest that an answer is waited for; what a service takes as a deadline."""

ArrivalKind = Literal["fixed", "poisson"]


class LoadPlan(Struct, frozen=True, kw_only=True):
    """
    The load of one measurement.

    Raises:
        UsageError: `usage.argument`: a value is out of its range, or does not go with another.
    """

    connections: int
    """Closed loop: clients that each wait for their answer and ask again. Open loop: most requests in flight."""
    rate: float | None = None
    """Requests a second that are due whatever the service does; None for the closed loop."""
    arrivals: ArrivalKind = "poisson"
    """Open loop: `fixed` intervals, or those of independent clients, `poisson`."""
    duration_s: float = 10.0
    """Seconds that are measured, above 0."""
    warm_up_s: float = 2.0
    """Seconds before that, which are thrown away; 0 or more."""
    deadline_ms: float | None = None
    """Sent as `X-Deadline-Ms`; an answer that takes longer from the intended time of sending is not in time."""
    timeout_s: float = 30.0
    """How long an answer is waited for before it counts as an error."""
    seed: int = 0
    """Of the arrivals, 0 or more: the same seed gives the same intervals."""

    def __post_init__(self) -> None:
        _require("connections", self.connections, 1, MAX_CONNECTIONS)
        _require("duration", self.duration_s, 0.01, MAX_DURATION_S)
        _require("warm-up", self.warm_up_s, 0, MAX_DURATION_S)
        _require("timeout", self.timeout_s, 0.01, MAX_WAIT_S)
        _require("seed", self.seed, 0, 2**63)
        if self.rate is not None:
            _require("rate", self.rate, 0.01, MAX_RATE)
        if self.deadline_ms is not None:
            _require("deadline-ms", self.deadline_ms, 10, MAX_WAIT_S * 1e3)

    @property
    def is_open(self) -> bool:
        """Whether requests are due at times of their own."""
        return self.rate is not None

    @property
    def end_s(self) -> float:
        """When the last request may be due, in seconds from the start."""
        return self.warm_up_s + self.duration_s


def _require(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise UsageError(f"{name} is {value:g}, expected {low:g} to {high:g}", code="usage.argument", where=f"--{name}")
