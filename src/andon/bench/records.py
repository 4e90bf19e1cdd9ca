"""What was measured of each request, in columns: exact, so that no percentile is that of a bucket."""

from array import array
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from andon.bench.outcome import OK, STAGES

_NOT_TOLD = (float("nan"),) * len(STAGES)


class Table(Struct, frozen=True, kw_only=True, eq=False):
    """The columns as arrays, a row a request, in the order in which they were settled; n rows."""

    due_s: NDArray[np.float64]
    """(n,): When it should have been sent, in seconds from the start."""
    sent_s: NDArray[np.float64]
    """(n,): When it was."""
    done_s: NDArray[np.float64]
    """(n,): When its answer was there, or was known not to come."""
    kind: NDArray[np.uint16]
    """(n,): Place in `kinds`."""
    label: NDArray[np.int32]
    """(n,): Place in `labels`; -1 for none."""
    received: NDArray[np.uint32]
    """(n,): Bytes of the body of the answer."""
    sent: NDArray[np.uint32]
    """(n,): Bytes of the body of the request."""
    stages_ms: NDArray[np.float32]
    """(n, len(STAGES)): What the service says of its time; NaN where it says nothing."""
    kinds: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def is_ok(self) -> NDArray[np.bool_]:
        """(n,): Whether the answer is good."""
        return np.equal(self.kind, self.kinds.index(OK))

    @property
    def latency_ms(self) -> NDArray[np.float64]:
        """(n,): From the intended time of sending to the whole answer."""
        return (self.done_s - self.due_s) * 1e3


class Records:
    """
    Takes down one request after the other.

    A request takes 62 bytes and about a microsecond. The hdrhistogram package takes two for each of
    seven histograms, needs setuptools at run time, and rounds.
    """

    def __init__(self) -> None:
        self._times = array("d")
        self._numbers = array("i")
        self._stages = array("f")
        self._kinds = {OK: 0}
        self._labels: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._times) // 3

    def add(
        self,
        times_s: tuple[float, float, float],
        kind: str,
        label: str = "",
        *,
        sizes: tuple[int, int] = (0, 0),
        stages_ms: Sequence[float] | None = None,
    ) -> None:
        """
        Take down one request that is settled.

        Args:
            times_s: Due, sent and done.
            kind: `OK`, or a kind of error.
            label: Of the prediction; empty for none.
            sizes: Bytes of the bodies sent and received.
            stages_ms: One for each of `STAGES`; None where nothing is told.
        """
        self._times.extend(times_s)
        place = self._kinds.setdefault(kind, len(self._kinds))
        named = self._labels.setdefault(label, len(self._labels)) if label else -1
        self._numbers.extend((place, named, *sizes))
        self._stages.extend(stages_ms if stages_ms is not None else _NOT_TOLD)

    def table(self) -> Table:
        """Give all that was taken down; a copy."""
        times = np.array(self._times, np.float64).reshape(-1, 3)
        numbers = np.array(self._numbers, np.int32).reshape(-1, 4)
        return Table(
            due_s=times[:, 0],
            sent_s=times[:, 1],
            done_s=times[:, 2],
            kind=numbers[:, 0].astype(np.uint16),
            label=numbers[:, 1],
            sent=numbers[:, 2].astype(np.uint32),
            received=numbers[:, 3].astype(np.uint32),
            stages_ms=np.array(self._stages, np.float32).reshape(-1, len(STAGES)),
            kinds=tuple(self._kinds),
            labels=tuple(self._labels),
        )
