"""Tests of the rates: against published values, and counted by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import UsageError
from andon.evaluate.metrics import Rate, Tally, accuracy, as_metrics, tally
from andon.predictions import Verdict

OK, BAD, DOUBT = Verdict.OK, Verdict.NotOK, Verdict.NotDecidable


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_has_the_published_values(count: int, total: int, low: float, high: float) -> None:
    """Those of Newcombe, 1998, table I, the score method without continuity correction."""
    assert Rate(count, total).interval() == pytest.approx((low, high), abs=5e-5)


def test_another_confidence_gives_another_interval() -> None:
    """More confidence is wider; the one-sided 97.5 % of a normal is the 1.96 that everybody knows."""
    narrow, wide = Rate(50, 100).interval(0.8), Rate(50, 100).interval(0.99)
    assert wide[0] < narrow[0] < 0.5 < narrow[1] < wide[1]
    low, high = Rate(50, 100).interval()
    assert (low + high) / 2 == pytest.approx(0.5)
    assert (high - low) / 2 == pytest.approx(1.959964 / 2 / math.sqrt(100 + 1.959964**2), abs=1e-6)


@given(st.integers(1, 3000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_interval_holds_the_share_and_mirrors(counts: tuple[int, int]) -> None:
    """It stays within 0 to 1, and that of the misses is that of the hits, seen from the other end."""
    count, total = counts
    low, high = Rate(count, total).interval()
    assert 0 <= low <= count / total <= high <= 1
    assert Rate(total - count, total).interval() == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_no_case_says_nothing() -> None:
    """The share is no number, the interval is everything, and the text does not divide by zero."""
    assert math.isnan(Rate(0, 0).value)
    assert Rate(0, 0).interval() == (0.0, 1.0)
    assert str(Rate(0, 0)) == "none of 0"


def test_a_rate_reads_as_a_sentence() -> None:
    """The share, its interval, and what was counted."""
    assert str(Rate(81, 263)) == "30.8% (25.5% to 36.6%), 81 of 263"


@pytest.mark.parametrize(("count", "total"), [(2, 1), (-1, 5)])
def test_more_than_all_is_no_share(count: int, total: int) -> None:
    """A rate that cannot be is refused where it is made."""
    with pytest.raises(UsageError, match=f"{count} of {total}"):
        Rate(count, total)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_there_is_no_such_confidence(confidence: float) -> None:
    """95 is not 0.95."""
    with pytest.raises(UsageError, match="expected above 0 and below 1"):
        Rate(1, 2).interval(confidence)


def test_accuracy_counts_equal_answers() -> None:
    """Of all; none of none."""
    assert accuracy(["a", "b", "c"], ["a", "c", "c"]) == Rate(2, 3)
    assert accuracy([], []) == Rate(0, 0)


def test_verdicts_are_counted_apart_for_good_and_defective_parts() -> None:
    """Escapes are of the defective, overkills of the good, doubts of all, right ones of those that were decided."""
    verdicts = [OK, OK, OK, BAD, DOUBT, OK, BAD, BAD, DOUBT, DOUBT]
    defective = [False] * 5 + [True] * 5
    counted = tally(verdicts, defective)
    assert counted == Tally(good={OK: 3, BAD: 1, DOUBT: 1}, defective={OK: 1, BAD: 2, DOUBT: 2})
    assert counted.escapes == Rate(1, 5)
    assert counted.overkills == Rate(1, 5)
    assert counted.doubts == Rate(3, 10)
    assert counted.right == Rate(5, 7)
    assert list(counted.rates().values()) == [Rate(1, 5), Rate(1, 5), Rate(5, 7), Rate(3, 10)]


def test_no_parts_have_no_rates() -> None:
    """Nothing divides by zero."""
    empty = tally([], [])
    assert [empty.escapes, empty.overkills, empty.doubts, empty.right] == [Rate(0, 0)] * 4


def test_rates_become_numbers_of_a_manifest() -> None:
    """Each with both ends of its interval; where all were in doubt nothing was right or wrong, and that is left out."""
    metrics = as_metrics({"accuracy": Rate(81, 263), "accuracy where decided": Rate(0, 0)})
    assert metrics == {
        "accuracy": 81 / 263,
        "accuracy, low": pytest.approx(0.2553, abs=5e-5),
        "accuracy, high": pytest.approx(0.3662, abs=5e-5),
    }


def test_without_a_decision_there_is_nothing_to_count() -> None:
    """`Undefined` is refused, with what to do."""
    with pytest.raises(UsageError, match="Undefined") as caught:
        tally([OK, Verdict.Undefined], [False, True])
    assert "decision" in caught.value.hint


def test_answers_and_truths_belong_together() -> None:
    """One of each, or none is counted."""
    with pytest.raises(UsageError, match="1 answers and 2 truths"):
        tally([OK], [False, True])
    with pytest.raises(UsageError, match="2 answers and 1 truths"):
        accuracy(["a", "b"], ["a"])
