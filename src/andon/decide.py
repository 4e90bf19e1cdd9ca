"""Scores and places become a verdict with all its reasons: pure policy, declared in the bundle."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from andon.bundle.output_spec import DecisionSpec, Threshold
from andon.predictions import Box, Verdict

PRESENT = 0.5
"""Where a label begins to be present that has no threshold and need not be the best: it is more likely than not."""
_FROM_PRESENT = Threshold(low=PRESENT, high=PRESENT)


class Objection(Struct, frozen=True, kw_only=True):
    """What one bad label has against a part."""

    index: int
    """Position of the label."""
    score: float
    verdict: Verdict
    """`NotOK`, or `NotDecidable` where it is in doubt."""
    reason: str

    @property
    def rank(self) -> tuple[bool, float]:
        """What weighs more is greater: `NotOK` before doubt, then the higher score."""
        return self.verdict is Verdict.NotOK, self.score


def decide(
    scores: Sequence[float], labels: Sequence[str], decision: DecisionSpec | None, *, best: int | None = None
) -> tuple[Verdict, tuple[str, ...]]:
    """
    Judge one part by the scores of its labels.

    Args:
        scores: One a label, 0-1.
        labels: In the order of the scores.
        decision: None gives `Undefined` without reasons.
        best: Position of the best label, for scores so near to 1 that they became equal; None for
            the first of the highest scores.

    Returns:
        The verdict and a sentence for everything that speaks against `OK`; for `OK` the best label.
    """
    if decision is None:
        return Verdict.Undefined, ()
    if best is None:
        best = max(range(len(scores)), key=scores.__getitem__)
    best_label = f"no bad label reaches its threshold; the best label is {labels[best]}, {scores[best]:.3f}"
    return conclude(objections(scores, labels, decision, best=best), otherwise=best_label)


def objections(scores: Sequence[float], labels: Sequence[str], decision: DecisionSpec, *, best: int) -> list[Objection]:
    """
    List what speaks against a part, in the order of the labels.

    A bad label with a threshold is present from `high` on and in doubt between `low` and `high`.
    A bad label without one is present where it has the best score; or from 0.5 on where no label
    is good, for one of them is always the best.

    Args:
        scores: One a label, 0-1.
        labels: In the order of the scores.
        decision: What is declared.
        best: Position of the best label.
    """
    found = []
    usual = None if decision.ok_labels else _FROM_PRESENT
    for index, (label, score) in enumerate(zip(labels, scores, strict=True)):
        threshold = decision.thresholds.get(label, usual)
        if (index == best or threshold is not None) and label not in decision.ok_labels:
            without = f"{label} has the best score, {score:.3f}"
            found.append(_judge(index, label, score, threshold, without=without))
    return [objection for objection in found if objection is not None]


def decide_places(boxes: Sequence[Box], decision: DecisionSpec | None) -> tuple[Verdict, tuple[str, ...]]:
    """
    Judge one part by what was found on it.

    A bad label with a threshold is present where one of its boxes scores `high` or more, and in
    doubt where its best one scores between `low` and `high`. A bad label without one is present
    where there is a box of it.

    Args:
        boxes: The best first.
        decision: None gives `Undefined` without reasons.

    Returns:
        The verdict and a sentence for each label that speaks against `OK`, with its best place.
    """
    if decision is None:
        return Verdict.Undefined, ()
    places: dict[str, list[Box]] = {}
    for box in boxes:
        places.setdefault(box.label, []).append(box)
    found = []
    for label, (first, *others) in places.items():
        without = f"{label} {first.score:.3f} was found"
        objection = _judge(first.index, label, first.score, decision.thresholds.get(label), without=without)
        if objection is not None and label not in decision.ok_labels:
            found.append(located(objection, first, others=len(others)))
    return conclude(found, otherwise="no bad label was found")


def located(objection: Objection, place: Box, *, others: int) -> Objection:
    """
    Say where the reason of an objection lies.

    Args:
        objection: What speaks against the part.
        place: The best place.
        others: How many further ones there are.
    """
    further = f", and in {others} more place{'s' if others > 1 else ''}" if others else ""
    at = f"in {place.width:.0f} x {place.height:.0f} pixels at ({place.x:.0f}, {place.y:.0f})"
    return msgspec.structs.replace(objection, reason=f"{objection.reason}, {at}{further}")


def conclude(found: Sequence[Objection], *, otherwise: str) -> tuple[Verdict, tuple[str, ...]]:
    """
    Make the verdict of what speaks against a part: a bad label that is present decides before one in doubt.

    Args:
        found: In the order in which it is to be told.
        otherwise: The reason of `OK`, where there is nothing.
    """
    if not found:
        return Verdict.OK, (otherwise,)
    present = [objection.reason for objection in found if objection.verdict is Verdict.NotOK]
    doubtful = [objection.reason for objection in found if objection.verdict is not Verdict.NotOK]
    return Verdict.NotOK if present else Verdict.NotDecidable, (*present, *doubtful)


def _judge(index: int, label: str, score: float, threshold: Threshold | None, *, without: str) -> Objection | None:
    """Say what one bad label makes of the part, and why; without a threshold it is present."""
    if threshold is None:
        return Objection(index=index, score=score, verdict=Verdict.NotOK, reason=without)
    if score >= threshold.high:
        reason = f"{label} {score:.3f} reaches its high threshold {threshold.high:g}"
        return Objection(index=index, score=score, verdict=Verdict.NotOK, reason=reason)
    if score >= threshold.low:
        reason = f"{label} {score:.3f} is between its thresholds {threshold.low:g} and {threshold.high:g}"
        return Objection(index=index, score=score, verdict=Verdict.NotDecidable, reason=reason)
    return None
