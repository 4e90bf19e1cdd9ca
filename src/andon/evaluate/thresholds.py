"""Where doubt about a defect begins and ends: chosen on labelled scores for wanted rates, without any model."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from andon.bundle.output_spec import Threshold
from andon.errors import UsageError
from andon.evaluate.metrics import CONFIDENCE, Rate, require_as_many

_GRID = np.arange(1001) / 1000
"""Thresholds are whole thousandths: more digits than that would only tell of these samples."""


class Choice(Struct, frozen=True, kw_only=True):
    """Thresholds, and what they make of the samples that they were chosen on."""

    threshold: Threshold
    escapes: Rate
    """Defective samples below `low`, of all defective ones."""
    overkills: Rate
    """Good samples from `high` on, of all good ones."""
    doubts: Rate
    """Samples between the two, of all."""
    notes: tuple[str, ...]
    """What so few samples cannot show; empty where there are enough."""


def choose_thresholds(
    scores: Sequence[float], defective: Sequence[bool], *, max_escape: float, max_overkill: float
) -> Choice:
    """
    Choose the narrowest doubt that keeps both rates on these samples.

    `low` is as high, and `high` as low as the rates allow. Where one threshold keeps both, there is
    no doubt: `low` and `high` are in the middle of all that do.

    Args:
        scores: Of the defect, 0-1, of samples that the model was not trained on.
        defective: Whether the sample is defective in truth, in the same order.
        max_escape: Share of the defective samples that may be `OK`, 0-1.
        max_overkill: Share of the good samples that may be `NotOK`, 0-1.

    Returns:
        The thresholds with the rates that they have on the samples. New parts will have worse
        ones, because these were chosen to look well: measure on parts that were not used here.

    Raises:
        UsageError: `usage.argument`: a score or a rate is not 0-1, there are no samples of one kind,
            or no threshold keeps `max_overkill`, because too many good samples score 1.
    """
    values, bad = _checked(scores, defective)
    for name, rate in (("max_escape", max_escape), ("max_overkill", max_overkill)):
        if not 0 <= rate <= 1:
            raise UsageError(f"{name} is {rate}, expected 0-1", code="usage.argument")
    low = _highest_low(values[bad], max_escape)
    high = _lowest_high(values[~bad], max_overkill)
    if low > high:
        low = high = (low + high) // 2
    threshold = Threshold(low=float(_GRID[low]), high=float(_GRID[high]))
    return Choice(
        threshold=threshold,
        escapes=_count(values[bad] < threshold.low),
        overkills=_count(values[~bad] >= threshold.high),
        doubts=_count((values >= threshold.low) & (values < threshold.high)),
        notes=(
            *_notes("escape", "defective", max_escape, int(bad.sum())),
            *_notes("overkill", "good", max_overkill, int((~bad).sum())),
        ),
    )


def _checked(scores: Sequence[float], defective: Sequence[bool]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    require_as_many(scores, defective)
    values, bad = np.asarray(scores, dtype=np.float64), np.asarray(defective, dtype=np.bool_)
    if not ((values >= 0) & (values <= 1)).all():
        raise UsageError("a score is not 0-1", code="usage.argument", hint="give scores, not raw outputs")
    if bad.all() or not bad.any():
        raise UsageError(
            f"there are {bad.sum()} defective and {(~bad).sum()} good samples, expected some of both",
            code="usage.argument",
        )
    return values, bad


def _highest_low(bad: NDArray[np.float64], max_escape: float) -> int:
    """Give the highest place on the grid below which there are no more defective scores than allowed."""
    allowed = _allowed(max_escape, len(bad))
    return _first_above(np.sort(bad)[allowed]) - 1 if allowed < len(bad) else len(_GRID) - 1


def _lowest_high(good: NDArray[np.float64], max_overkill: float) -> int:
    """Give the lowest place on the grid from which on there are no more good scores than allowed."""
    allowed = _allowed(max_overkill, len(good))
    if allowed == len(good):
        return 0
    high = _first_above(np.sort(good)[::-1][allowed])
    if high == len(_GRID):
        raise UsageError(
            f"{allowed + 1} of {len(good)} good samples score 1, so no threshold spares them",
            code="usage.argument",
            hint="the scores are too sure of themselves; allow a larger max_overkill, or look at these samples",
        )
    return high


def _first_above(score: np.float64) -> int:
    return int(np.searchsorted(_GRID, score, side="right"))


def _allowed(rate: float, total: int) -> int:
    """Give how many of a number a rate allows; 0.29 of 100 are 29, although 0.29 * 100 is a little less."""
    return math.floor(rate * total + 1e-9)


def _count(chosen: NDArray[np.bool_]) -> Rate:
    return Rate(int(chosen.sum()), len(chosen))


def _notes(name: str, kind: str, wanted: float, total: int) -> tuple[str, ...]:
    """Say where there are too few samples to tell a rate from a higher one."""
    provable = 1 - math.exp(math.log1p(-CONFIDENCE) / total)
    if wanted >= provable:
        return ()
    return (
        f"{total} {kind} samples cannot show a rate of {name} below {provable:.2g}, even without a single one; "
        f"{wanted:g} was asked for",
    )
