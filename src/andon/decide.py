"""Scores become a verdict with all its reasons: pure policy, declared in the bundle."""

from collections.abc import Sequence

from andon.bundle.output_spec import DecisionSpec, Threshold
from andon.predictions import Verdict


def decide(
    scores: Sequence[float], labels: Sequence[str], decision: DecisionSpec | None, *, best: int | None = None
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
        best: Position of the best label, for scores so near to 1 that they became equal; None for
            the first of the highest scores.

    Returns:
        The verdict and a sentence for everything that speaks against `OK`; for `OK` the best label.
    """
    if decision is None:
        return Verdict.Undefined, ()
    if best is None:
        best = max(range(len(scores)), key=scores.__getitem__)
    ok_labels = frozenset(decision.ok_labels)
    judged = [
        _judge_bad(label, score, decision.thresholds.get(label), is_best=index == best)
        for index, (label, score) in enumerate(zip(labels, scores, strict=True))
        if (index == best or label in decision.thresholds) and label not in ok_labels
    ]
    present = [reason for verdict, reason in judged if verdict is Verdict.NotOK]
    doubtful = [reason for verdict, reason in judged if verdict is Verdict.NotDecidable]
    if present:
        return Verdict.NotOK, (*present, *doubtful)
    if doubtful:
        return Verdict.NotDecidable, tuple(doubtful)
    return Verdict.OK, (f"no bad label reaches its threshold; the best label is {labels[best]}, {scores[best]:.3f}",)


def _judge_bad(label: str, score: float, threshold: Threshold | None, *, is_best: bool) -> tuple[Verdict, str]:
    """Say what one bad label makes of the part, and why; for `OK` there is no reason."""
    if threshold is None:
        return (Verdict.NotOK, f"{label} has the best score, {score:.3f}") if is_best else (Verdict.OK, "")
    if score >= threshold.high:
        return Verdict.NotOK, f"{label} {score:.3f} reaches its high threshold {threshold.high:g}"
    if score >= threshold.low:
        between = f"{threshold.low:g} and {threshold.high:g}"
        return Verdict.NotDecidable, f"{label} {score:.3f} is between its thresholds {between}"
    return Verdict.OK, ""
