"""Scores become a verdict by what the bundle declares, with all the reasons."""

import pytest

from andon.bundle.output_spec import DecisionSpec, Threshold
from andon.decide import decide, decide_places
from andon.predictions import Box, Verdict

LABELS = ("ok", "scratch", "dent")


def decision(ok: tuple[str, ...] = ("ok",), **thresholds: tuple[float, float]) -> DecisionSpec:
    """Declare OK labels and the low and high threshold of bad ones."""
    return DecisionSpec(
        ok_labels=ok, thresholds={label: Threshold(low=low, high=high) for label, (low, high) in thresholds.items()}
    )


def verdict(scores: tuple[float, ...], declared: DecisionSpec | None) -> Verdict:
    """Give the verdict alone."""
    return decide(scores, LABELS, declared)[0]


def test_without_a_decision_nothing_is_decided() -> None:
    """`Undefined`, and no reason."""
    assert decide((0.1, 0.9, 0.0), LABELS, None) == (Verdict.Undefined, ())


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.0, Verdict.OK),
        (0.2999, Verdict.OK),
        (0.30, Verdict.NotDecidable),
        (0.45, Verdict.NotDecidable),
        (0.6199, Verdict.NotDecidable),
        (0.62, Verdict.NotOK),
        (1.0, Verdict.NotOK),
    ],
)
def test_thresholds_begin_where_they_stand(score: float, expected: Verdict) -> None:
    """Doubt begins at `low` itself, certainty at `high` itself."""
    assert verdict((0.99, score, 0.0), decision(scratch=(0.30, 0.62), dent=(0.5, 0.5))) is expected


def test_low_and_high_may_be_one() -> None:
    """Then there is no doubt."""
    declared = decision(scratch=(0.5, 0.5), dent=(0.5, 0.5))
    assert verdict((0.6, 0.5, 0.4999), declared) is Verdict.NotOK
    assert verdict((0.6, 0.4999, 0.4999), declared) is Verdict.OK


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_the_ends_of_the_range_are_thresholds_too(edge: float) -> None:
    """0 is always reached, 1 only by a score of 1."""
    declared = decision(scratch=(edge, edge), dent=(1, 1))
    assert verdict((0.9, 0.0, 0.0), declared) is (Verdict.NotOK if edge == 0 else Verdict.OK)
    assert verdict((0.0, 1.0, 0.0), declared) is Verdict.NotOK


def test_a_bad_label_without_thresholds_counts_when_it_is_the_best() -> None:
    """With thresholds it counts by them, whether the best or not."""
    assert verdict((0.3, 0.4, 0.3), decision()) is Verdict.NotOK
    assert verdict((0.4, 0.3, 0.3), decision()) is Verdict.OK
    assert verdict((0.2, 0.41, 0.39), decision(scratch=(0.5, 0.9))) is Verdict.OK


def test_of_equal_scores_the_first_is_the_best() -> None:
    """As `argmax` has it; `best` says otherwise where the raw outputs know better."""
    assert verdict((0.5, 0.5, 0.0), decision()) is Verdict.OK
    assert decide((1.0, 1.0, 0.0), LABELS, decision(), best=1)[0] is Verdict.NotOK
    assert decide((1.0, 1.0, 0.0), LABELS, decision(), best=0)[0] is Verdict.OK


def test_presence_outweighs_doubt_and_all_reasons_are_given() -> None:
    """What is present comes first, then what is in doubt; the verdict is that of the worst."""
    found, reasons = decide((0.1, 0.4, 0.7), LABELS, decision(scratch=(0.3, 0.6), dent=(0.3, 0.6)))
    assert found is Verdict.NotOK
    assert reasons == (
        "dent 0.700 reaches its high threshold 0.6",
        "scratch 0.400 is between its thresholds 0.3 and 0.6",
    )


def test_several_doubts_are_all_told() -> None:
    """In the order of the labels."""
    found, reasons = decide((0.9, 0.31, 0.59), LABELS, decision(scratch=(0.3, 0.6), dent=(0.3, 0.6)))
    assert found is Verdict.NotDecidable
    assert [reason.split()[0] for reason in reasons] == ["scratch", "dent"]


def test_a_good_part_names_its_best_label() -> None:
    """So that a sentence stands with every verdict."""
    assert decide((0.9, 0.05, 0.05), LABELS, decision()) == (
        Verdict.OK,
        ("no bad label reaches its threshold; the best label is ok, 0.900",),
    )


def test_several_labels_may_be_good() -> None:
    """Each of them makes the part good, and none speaks against it."""
    declared = decision(ok=("ok", "dent"))
    assert verdict((0.1, 0.2, 0.7), declared) is Verdict.OK
    assert verdict((0.1, 0.7, 0.2), declared) is Verdict.NotOK


def test_classes_of_one_name_are_judged_each() -> None:
    """Two classes may share a label; either can make the part bad, and each gives its reason."""
    labels = ("ok", "scratch", "scratch")
    declared = decision(scratch=(0.3, 0.6))
    assert decide((0.1, 0.2, 0.7), labels, declared)[0] is Verdict.NotOK
    assert decide((0.1, 0.7, 0.2), labels, declared)[0] is Verdict.NotOK
    assert len(decide((0.0, 0.7, 0.7), labels, declared)[1]) == 2


def test_one_label_alone_is_decided() -> None:
    """A single score, as sigmoid gives it."""
    declared = DecisionSpec(ok_labels=("ok",))
    assert decide((0.01,), ("ok",), declared)[0] is Verdict.OK


def test_scores_and_labels_must_be_as_many() -> None:
    """A mistake of the caller is no verdict."""
    with pytest.raises(ValueError, match="shorter"):
        decide((0.5, 0.5), LABELS, decision())


def test_where_no_label_is_good_one_counts_from_a_half_on() -> None:
    """One of them is always the best; with a threshold of its own it counts as that says."""
    nothing_good = decision(ok=())
    assert verdict((0.1, 0.49, 0.0), nothing_good) is Verdict.OK
    assert verdict((0.1, 0.6, 0.5), nothing_good) is Verdict.NotOK
    assert len(decide((0.1, 0.6, 0.5), LABELS, nothing_good)[1]) == 2
    assert verdict((0.1, 0.6, 0.0), decision(ok=(), scratch=(0.5, 0.7))) is Verdict.NotDecidable


def box(label: str, score: float) -> Box:
    """Make a box somewhere."""
    return Box(label=label, index=LABELS.index(label), score=score, x=7.4, y=8.6, width=30.2, height=4.0)


def test_what_is_found_is_judged_by_the_best_box_of_each_label() -> None:
    """Present, or in doubt, with its place; good things speak against nothing."""
    declared = decision(scratch=(0.3, 0.6))
    assert decide_places([box("scratch", 0.9)], None) == (Verdict.Undefined, ())
    assert decide_places([], declared) == (Verdict.OK, ("no bad label was found",))
    assert decide_places([box("ok", 0.9)], declared)[0] is Verdict.OK
    assert decide_places([box("scratch", 0.29)], declared)[0] is Verdict.OK
    found, reasons = decide_places([box("scratch", 0.5), box("dent", 0.1), box("scratch", 0.3)], declared)
    assert found is Verdict.NotOK
    assert reasons == (
        "dent 0.100 was found, in 30 x 4 pixels at (7, 9)",
        "scratch 0.500 is between its thresholds 0.3 and 0.6, in 30 x 4 pixels at (7, 9), and in 1 more place",
    )
