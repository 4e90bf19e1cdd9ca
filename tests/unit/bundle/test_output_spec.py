"""A declared output says which shapes it has, and which decisions go with it."""

import pytest

from andon.bundle.output_spec import DecisionSpec, OutputSpec, check_decision


def test_the_shape_of_an_output_is_a_score_a_label() -> None:
    """For one image."""
    spec = OutputSpec(labels=("ok", "dent"))
    assert spec.shape == spec.finished_shape == (2,)


def test_before_the_authors_own_code_any_shape_will_do() -> None:
    """What it returns must be that of the kind."""
    spec = OutputSpec(labels=("ok", "dent"), finish="blobs:finish")
    assert spec.shape is None
    assert spec.finished_shape == (2,)


def test_only_shared_out_scores_need_a_good_label() -> None:
    """A softmax gives every image a best label; independent scores may find nothing."""
    nothing_good = DecisionSpec()
    with pytest.raises(ValueError, match="one of the labels must be that of a good part"):
        check_decision(nothing_good, OutputSpec(labels=("dent",)))
    check_decision(nothing_good, OutputSpec(labels=("dent",), activation="sigmoid"))
    check_decision(None, OutputSpec(labels=("dent",)))
