"""Which candidate comes first, which are listed after it, which are left out: pure policy on what was measured."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from andon.build.optimize.candidates import Tried
from andon.bundle.evidence import CandidateEvidence, Speed

Goal = Literal["throughput", "latency"]
MIN_GAIN = 1.1
"""A candidate must be so many times as fast as what is first now; less is within what these measurements scatter."""
_EXACT_FIRST = ("fp32", "bf16", "int8")
"""Precisions, the most exact first."""


def gain(evidence: CandidateEvidence, baseline: CandidateEvidence, goal: Goal) -> float:
    """Tell how many times as fast as the baseline a candidate is; 0 where one of them was not measured."""
    if goal == "latency":
        mine, theirs = evidence.latency_ms, baseline.latency_ms
        return theirs / mine if mine and theirs else 0.0
    return evidence.throughput / baseline.throughput if baseline.throughput else 0.0


def with_speeds(tried: Iterable[Tried], speeds: Mapping[int, Sequence[Speed]]) -> list[Tried]:
    """Write down what was measured, by the position of each."""
    return [
        replace(each, evidence=replace(each.evidence, speeds=tuple(speeds.get(number, ()))))
        for number, each in enumerate(tried)
    ]


def choose(tried: Sequence[Tried], baseline: int, goal: Goal) -> list[Tried]:
    """
    Give each candidate its fate.

    Args:
        tried: All of them, with their speeds; those that do not hold keep their fate.
        baseline: The position of the one that is first now.
        goal: What counts.

    Returns:
        The same in the same order. What holds and gains `MIN_GAIN` is listed, and the fastest of it is first, or one
        nearly as fast that computes more exactly. All that holds of fp32 is listed too, to fall back on. Where
        nothing gains, the baseline stays first. Of several artifacts in int8 only the fastest is listed, for each
        would make the bundle larger.
    """
    now = tried[baseline].evidence
    gains = [gain(each.evidence, now, goal) if each.holds else 0.0 for each in tried]
    order = sorted(range(len(tried)), key=lambda number: -gains[number])
    alike = [number for number in order if gains[number] * MIN_GAIN > gains[order[0]]]
    # What is as fast within the scatter is told apart by how exactly it computes.
    fastest = min(alike, key=lambda number: _EXACT_FIRST.index(tried[number].evidence.precision))
    first = fastest if gains[fastest] >= MIN_GAIN else baseline
    fates: dict[int, CandidateEvidence] = {}
    kept_int8: bytes | None = None
    for number in dict.fromkeys((first, *order)):
        each = tried[number]
        is_listed = each.holds and (number == first or gains[number] >= MIN_GAIN or each.evidence.precision == "fp32")
        if is_listed and each.evidence.precision == "int8":
            kept_int8 = each.form.data if kept_int8 is None else kept_int8
            is_listed = each.form.data == kept_int8
        fate = (
            each.evidence.fate
            if not each.holds
            else "first"
            if number == first
            else "listed"
            if is_listed
            else "slower"
        )
        fates[number] = replace(each.evidence, fate=fate)
    return [replace(each, evidence=fates[number]) for number, each in enumerate(tried)]


def listed_in_order(chosen: Sequence[Tried], baseline: int, goal: Goal) -> list[Tried]:
    """Give what is listed, the first one first and the others by their speed."""
    now = chosen[baseline].evidence
    listed = [each for each in chosen if each.evidence.fate in ("first", "listed")]
    return sorted(listed, key=lambda each: (each.evidence.fate != "first", -gain(each.evidence, now, goal)))
