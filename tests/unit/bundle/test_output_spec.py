"""A declared output says which shapes it has, and which decisions go with it."""

import pytest

from andon.bundle.output_spec import BoxesSpec, DecisionSpec, Kind, OutputSpec, Threshold, check_decision


@pytest.mark.parametrize(("kind", "shape"), [("logits", (2,)), ("boxes", (None, 6)), ("map", (2, None, None))])
def test_the_shape_of_an_output_is_that_of_its_kind(kind: Kind, shape: tuple[int | None, ...]) -> None:
    """For one image, with the sides that depend on it open."""
    spec = OutputSpec(labels=("ok", "dent"), kind=kind)
    assert spec.shape == spec.finished_shape == shape


def test_before_the_authors_own_code_any_shape_will_do() -> None:
    """What it returns must be that of the kind."""
    spec = OutputSpec(labels=("ok", "dent"), finish="blobs:finish")
    assert spec.shape is None
    assert spec.finished_shape == (2,)


def test_only_shared_out_scores_need_a_good_label() -> None:
    """A softmax gives every image a best label; independent scores, boxes and maps may find nothing."""
    nothing_good = DecisionSpec()
    with pytest.raises(ValueError, match="one of the labels must be that of a good part"):
        check_decision(nothing_good, OutputSpec(labels=("dent",)))
    check_decision(nothing_good, OutputSpec(labels=("dent",), activation="sigmoid"))
    check_decision(nothing_good, OutputSpec(labels=("dent",), kind="boxes"))
    check_decision(None, OutputSpec(labels=("dent",)))


def test_a_box_that_is_dropped_can_be_in_no_doubt() -> None:
    """Doubt begins at the least score of a box, or above it."""
    output = OutputSpec(labels=("dent",), kind="boxes", boxes=BoxesSpec(min_score=0.4))
    check_decision(DecisionSpec(thresholds={"dent": Threshold(low=0.4, high=0.5)}), output)
    with pytest.raises(ValueError, match=r"in doubt from 0.3 on, and boxes below 0.4 are dropped"):
        check_decision(DecisionSpec(thresholds={"dent": Threshold(low=0.3, high=0.5)}), output)


def test_boxes_are_read_by_rules_though_none_are_declared() -> None:
    """Those that are usual."""
    assert OutputSpec(labels=("dent",), kind="boxes").box_rules == BoxesSpec()


def test_scores_of_own_code_need_no_good_label() -> None:
    """They are not shared out among all labels, as those of a softmax are."""
    check_decision(DecisionSpec(), OutputSpec(labels=("dent",), finish="own:code"))
    with pytest.raises(ValueError, match="with a softmax"):
        check_decision(DecisionSpec(), OutputSpec(labels=("dent",)))
