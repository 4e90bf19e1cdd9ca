"""Tests of choosing thresholds: counted by hand, held to the decision, and honest about few samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bundle.output_spec import DecisionSpec, Threshold
from andon.decide import decide
from andon.errors import UsageError
from andon.evaluate.metrics import Rate, tally
from andon.evaluate.thresholds import Choice, choose_thresholds

SCORES = [0.05, 0.1, 0.2, 0.42, 0.7, 0.3, 0.5, 0.8, 0.9, 0.95]
DEFECTIVE = [False] * 5 + [True] * 5


def choose(escape: float, overkill: float) -> Choice:
    """Choose on the ten scores above."""
    return choose_thresholds(SCORES, DEFECTIVE, max_escape=escape, max_overkill=overkill)


def test_without_a_miss_all_that_overlaps_is_doubt() -> None:
    """`low` stands at the lowest defective score, `high` right above the highest good one."""
    chosen = choose(0, 0)
    assert chosen.threshold == Threshold(low=0.3, high=0.701)
    assert (chosen.escapes, chosen.overkills, chosen.doubts) == (Rate(0, 5), Rate(0, 5), Rate(4, 10))


def test_allowed_misses_narrow_the_doubt() -> None:
    """Each rate moves its own threshold, as far as it may."""
    assert choose(0.2, 0).threshold == Threshold(low=0.5, high=0.701)
    assert choose(0, 0.2).threshold == Threshold(low=0.3, high=0.421)
    assert choose(0.39, 0).threshold == choose(0.2, 0).threshold, "a part of a sample is none"


def test_where_one_threshold_does_there_is_no_doubt() -> None:
    """Both stand in the middle of all that keep the rates."""
    chosen = choose_thresholds([0.1, 0.2, 0.8, 0.9], [False, False, True, True], max_escape=0, max_overkill=0)
    assert chosen.threshold == Threshold(low=0.5, high=0.5)
    assert (chosen.escapes.count, chosen.overkills.count, chosen.doubts.count) == (0, 0, 0)


def test_everything_may_be_allowed() -> None:
    """Then one threshold is in the middle of the range."""
    assert choose(1, 1).threshold == Threshold(low=0.5, high=0.5)


@given(
    st.lists(st.tuples(st.floats(0, 0.999), st.booleans()), min_size=2, max_size=60).filter(
        lambda samples: len({bad for _, bad in samples}) == 2
    ),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_the_rates_hold_when_the_bundle_decides(
    samples: list[tuple[float, bool]], max_escape: float, max_overkill: float
) -> None:
    """What the choice counts is what `decide` says with these thresholds, and it is within what was asked for."""
    scores, defective = [score for score, _ in samples], [bad for _, bad in samples]
    chosen = choose_thresholds(scores, defective, max_escape=max_escape, max_overkill=max_overkill)
    decision = DecisionSpec(ok_labels=("good",), thresholds={"bad": chosen.threshold})
    counted = tally([decide((1 - score, score), ("good", "bad"), decision)[0] for score in scores], defective)
    assert (counted.escapes, counted.overkills, counted.doubts) == (chosen.escapes, chosen.overkills, chosen.doubts)
    assert chosen.escapes.count <= max_escape * chosen.escapes.total + 1e-9
    assert chosen.overkills.count <= max_overkill * chosen.overkills.total + 1e-9


def test_a_rate_that_so_few_samples_cannot_show_is_told() -> None:
    """Five parts without an escape only show that fewer than 45 % escape; 60 % can be told."""
    (note,) = choose(0.05, 0.6).notes
    assert note.startswith("5 defective samples cannot show a rate of escape below 0.45")
    assert note.endswith("0.05 was asked for")
    assert len(choose(0, 0).notes) == 2
    assert choose(0.5, 0.5).notes == ()


@pytest.mark.parametrize(
    ("scores", "defective", "said"),
    [
        ([0.1], [True, False], "1 answers and 2 truths"),
        ([0.1, 1.2], [True, False], "not 0-1"),
        ([0.1, float("nan")], [True, False], "not 0-1"),
        ([0.1, 0.2], [True, True], "2 defective and 0 good"),
        ([], [], "0 defective and 0 good"),
    ],
)
def test_what_cannot_be_chosen_on_is_refused(scores: list[float], defective: list[bool], said: str) -> None:
    """Raw outputs, one kind only, none."""
    with pytest.raises(UsageError, match=said):
        choose_thresholds(scores, defective, max_escape=0.1, max_overkill=0.1)


def test_a_rate_is_a_share() -> None:
    """5 is not 5 %."""
    with pytest.raises(UsageError, match="max_overkill is 5, expected 0-1"):
        choose(0.1, 5)


def test_good_parts_of_score_one_cannot_be_spared() -> None:
    """A part is NotOK from `high` on, and `high` is at most 1."""
    with pytest.raises(UsageError, match="1 of 2 good samples score 1"):
        choose_thresholds([1.0, 0.2, 0.9], [False, False, True], max_escape=0, max_overkill=0)
