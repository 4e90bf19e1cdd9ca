"""How fast candidates are, measured side by side: all take their turn in each round, and medians are compared."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

import numpy as np

from andon.bundle.evidence import Speed
from andon.runtimes.base import Session
from andon.tensors import InputArray

ROUNDS = 9
_TURN_S = 0.08
"""A turn lasts at least so long: many runs of a small graph, one of a large one."""
_Key = TypeVar("_Key")


def measure(
    sessions: Mapping[_Key, Session],
    images: Sequence[InputArray],
    batches: Sequence[int],
    *,
    threads: int,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[_Key, list[Speed]]:
    """
    Measure sessions in turns, so that what else runs on the machine disturbs all of them alike.

    Args:
        sessions: Of `threads` compute threads each.
        images: Prepared ones, at least one; they are repeated to fill a batch.
        batches: Sizes.
        threads: What the sessions were opened with; it is written down.
        rounds: Turns of each.
        clock: Seconds.

    Returns:
        One speed a size for each session: the median of its rounds.
    """
    filled = {size: _batch(images, size) for size in batches}
    turns: dict[tuple[_Key, int], list[float]] = {(key, size): [] for key in sessions for size in batches}
    for key, size in turns:
        sessions[key].run(filled[size])  # the first run of a size allocates
    for _ in range(rounds):
        for (key, size), times in turns.items():
            times.append(_turn(sessions[key], filled[size], clock))
    return {
        key: [Speed(threads=threads, batch=size, batch_ms=1e3 * median(turns[key, size])) for size in batches]
        for key in sessions
    }


def _batch(images: Sequence[InputArray], size: int) -> InputArray:
    """Fill a batch with images of the shape of the first."""
    alike = [image for image in images if image.shape == images[0].shape]
    return np.stack([alike[number % len(alike)] for number in range(size)])


def _turn(session: Session, batch: InputArray, clock: Callable[[], float]) -> float:
    """Give the seconds of one run, the mean over a turn."""
    started, runs, spent = clock(), 0, 0.0
    while spent < _TURN_S:
        session.run(batch)
        runs += 1
        spent = clock() - started
    return spent / runs
