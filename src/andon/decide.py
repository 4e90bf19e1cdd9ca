"""Scores become a verdict with all its reasons: pure policy, declared in the bundle."""

from collections.abc import Sequence

from andon.bundle.manifest import DecisionSpec
from andon.predictions import Verdict


def decide(
    scores: Sequence[float], labels: Sequence[str], decision: DecisionSpec | None
) -> tuple[Verdict, tuple[str, ...]]:
    """
    Judge one part.

    A bad label with a threshold is present from `high` on and in doubt between `low` and `high`.
    A bad label without one is present where it has the best score. One bad label that is present
    makes the part `NotOK`, else one in doubt makes it `NotDecidable`.

    Args:
        scores: One a label, 0-1.
        labels: In the order of the scores.
        decision: None gives `Undefined` without reasons.

    Returns:
        The verdict and a sentence for everything that speaks against `OK`; for `OK` the best label.
    """
    if decision is None:
        return Verdict.Undefined, ()
    best = max(range(len(scores)), key=scores.__getitem__)
    present, doubtful = [], []
    for index, (label, score) in enumerate(zip(labels, scores, strict=True)):
        if label in decision.ok_labels:
            continue
        threshold = decision.thresholds.get(label)
        if threshold is None:
            if index == best:
                present.append(f"{label} has the best score, {score:.3f}")
        elif score >= threshold.high:
            present.append(f"{label} {score:.3f} reaches its high threshold {threshold.high:g}")
        elif score >= threshold.low:
            doubtful.append(f"{label} {score:.3f} is between its thresholds {threshold.low:g} and {threshold.high:g}")
    if present:
        return Verdict.NotOK, (*present, *doubtful)
    if doubtful:
        return Verdict.NotDecidable, tuple(doubtful)
    return Verdict.OK, (f"no bad label reaches its threshold; the best label is {labels[best]}, {scores[best]:.3f}",)
