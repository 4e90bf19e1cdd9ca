"""Counts of right and wrong answers, as rates with an interval; it knows nothing of models and images."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import NormalDist

from msgspec import Struct

from andon.errors import UsageError
from andon.predictions import Verdict

CONFIDENCE = 0.95
"""Of the intervals, where nothing else is asked for."""


class Rate(Struct, frozen=True):
    """A share of cases that were counted: `count` of `total`."""

    count: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.total:
            raise UsageError(f"{self.count} of {self.total} is no share", code="usage.argument")

    @property
    def value(self) -> float:
        """The share, 0-1; not a number where there was no case."""
        return self.count / self.total if self.total else math.nan

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """
        Give the range in which the true share lies with this confidence, if the cases are independent.

        Args:
            confidence: Of the two-sided interval, above 0 and below 1.

        Returns:
            Low and high end, 0-1; all of 0 to 1 where there was no case.

        Raises:
            UsageError: `usage.argument`: there is no such confidence.

        Source:
            The score interval of E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209, which holds for few
            cases and for shares near 0 and 1 too. The values of R. G. Newcombe, Statistics in Medicine
            17 (1998) 857, table I, method 3, are reached to four digits: tests/unit/evaluate/test_metrics.py.
        """
        if not 0 < confidence < 1:
            raise UsageError(f"the confidence is {confidence}, expected above 0 and below 1", code="usage.argument")
        if not self.total:
            return 0.0, 1.0
        z_squared = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
        share, whole = self.value, self.total + z_squared
        middle = (self.count + z_squared / 2) / whole
        reach = math.sqrt(z_squared * (self.total * share * (1 - share) + z_squared / 4)) / whole
        return (
            0.0 if self.count == 0 else middle - reach,
            1.0 if self.count == self.total else middle + reach,
        )

    def __str__(self) -> str:
        if not self.total:
            return "none of 0"
        low, high = self.interval()
        return f"{self.value:.1%} ({low:.1%} to {high:.1%}), {self.count:,} of {self.total:,}"


def accuracy(found: Sequence[object], expected: Sequence[object]) -> Rate:
    """
    Count right answers.

    Args:
        found: What was answered: labels, or anything that can be compared.
        expected: What is true, in the same order.

    Raises:
        UsageError: `usage.argument`: there are not as many of both.
    """
    require_as_many(found, expected)
    return Rate(sum(answer == truth for answer, truth in zip(found, expected, strict=True)), len(expected))


class Tally(Struct, frozen=True, kw_only=True):
    """How often each verdict was given to good and to defective parts; a verdict that is absent was never given."""

    good: dict[Verdict, int]
    defective: dict[Verdict, int]

    @property
    def escapes(self) -> Rate:
        """Defective parts that were called `OK`, of all defective ones."""
        return self._share(self.defective, Verdict.OK)

    @property
    def overkills(self) -> Rate:
        """Good parts that were called `NotOK`, of all good ones."""
        return self._share(self.good, Verdict.NotOK)

    @property
    def doubts(self) -> Rate:
        """Parts that were called `NotDecidable`, of all."""
        everything = {verdict: self.good.get(verdict, 0) + self.defective.get(verdict, 0) for verdict in Verdict}
        return self._share(everything, Verdict.NotDecidable)

    @property
    def right(self) -> Rate:
        """Right verdicts, of those that were `OK` or `NotOK`."""
        right = self.good.get(Verdict.OK, 0) + self.defective.get(Verdict.NotOK, 0)
        return Rate(right, right + self.escapes.count + self.overkills.count)

    def rates(self) -> dict[str, Rate]:
        """Give all of them by the names that reports use."""
        return {
            "escape rate": self.escapes,
            "overkill rate": self.overkills,
            "accuracy where decided": self.right,
            "doubt": self.doubts,
        }

    @staticmethod
    def _share(counts: dict[Verdict, int], verdict: Verdict) -> Rate:
        return Rate(counts.get(verdict, 0), sum(counts.values()))


def tally(verdicts: Sequence[Verdict], defective: Sequence[bool]) -> Tally:
    """
    Count verdicts, apart for good and for defective parts.

    Args:
        verdicts: One a part; an image that failed is `NotDecidable`, as everywhere.
        defective: Whether the part is defective in truth, in the same order.

    Raises:
        UsageError: `usage.argument`: there are not as many of both, or a verdict is `Undefined`.
    """
    require_as_many(verdicts, defective)
    if Verdict.Undefined in verdicts:
        raise UsageError(
            "a verdict is Undefined, so there is nothing to count",
            code="usage.argument",
            hint="the bundle declares no decision: pack it with one",
        )
    pairs = list(zip(verdicts, defective, strict=True))
    return Tally(
        good=dict(Counter(verdict for verdict, bad in pairs if not bad)),
        defective=dict(Counter(verdict for verdict, bad in pairs if bad)),
    )


def as_metrics(rates: Mapping[str, Rate]) -> dict[str, float]:
    """
    Give rates as the plain numbers that `provenance.metrics` of a bundle takes.

    Returns:
        A share a rate, 0-1, followed by both ends of its interval as `NAME, low` and `NAME, high`. A
        rate of no cases is left out, for a manifest takes nothing that is not a number.

    >>> as_metrics({"doubt": Rate(8, 8), "overkill rate": Rate(0, 0)})
    {'doubt': 1.0, 'doubt, low': 0.6755924351161198, 'doubt, high': 1.0}
    """
    metrics: dict[str, float] = {}
    for name, rate in rates.items():
        if rate.total:
            low, high = rate.interval()
            metrics |= {name: rate.value, f"{name}, low": low, f"{name}, high": high}
    return metrics


def require_as_many(found: Collection[object], expected: Collection[object]) -> None:
    """
    Refuse answers that cannot belong to the truth.

    Raises:
        UsageError: `usage.argument`: there are not as many of both.
    """
    if len(found) != len(expected):
        raise UsageError(
            f"there are {len(found)} answers and {len(expected)} truths, expected as many", code="usage.argument"
        )
