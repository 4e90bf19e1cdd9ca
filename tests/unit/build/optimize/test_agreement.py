"""How near answers are, and what speaks against them."""

import msgspec
import numpy as np
import pytest

from andon.build.optimize.agreement import Answer, answer_of, compare, objections
from andon.bundle.evidence import Limits
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Manifest
from andon.model.steps import Steps
from andon.predictions import Verdict
from tests.support.bundles import colour_parts

LIMITS = Limits()
DECISION = {"ok_labels": ["red"], "thresholds": {"green": {"low": 0.3, "high": 0.6}}}


def manifest(**fields: object) -> Manifest:
    """Give the manifest of the classifier of colours."""
    return msgspec.convert(colour_parts(**fields)[0], Manifest)


def answers(rows: list[list[float]], declared: Manifest) -> list[Answer]:
    """Finish raw outputs that are the logarithms of these scores."""
    steps = Steps(InputSpec(), declared.output)
    return [answer_of(np.log(np.array(row, np.float32)), steps, declared) for row in rows]


CLEAR, DOUBT = [0.8, 0.15, 0.05], [0.40, 0.38, 0.22]


def compared(found: list[list[float]], expected: list[list[float]], truths: list[int | None] | None = None, **fields):
    """Compare scores, image by image."""
    declared = manifest(**fields)
    known = truths or [None] * len(found)
    return compare(answers(found, declared), answers(expected, declared), known, declared, LIMITS)


def test_equal_answers_agree_in_everything() -> None:
    """Nothing is lost and nothing moves; 200 of them leave no objection."""
    agreement = compared([CLEAR] * 200, [CLEAR] * 200)
    assert (agreement.images, agreement.loss, agreement.largest_change) == (200, 0, 0)
    assert agreement.kept is not None
    assert (agreement.kept.count, agreement.kept.low) == (200, pytest.approx(0.981, abs=1e-3))
    assert list(objections(agreement, LIMITS)) == []


def test_a_clear_label_that_changes_is_counted_apart_from_one_in_doubt() -> None:
    """Both change the label; only the clear one is not kept, where enough others are clear."""
    rows = [CLEAR] * 50
    agreement = compared([[0.3, 0.65, 0.05], [0.38, 0.40, 0.22], *rows], [CLEAR, DOUBT, *rows])
    assert agreement.same_label is not None
    assert agreement.clear_label is not None
    assert agreement.kept is not None
    assert agreement.same_label.count == 50
    assert (agreement.clear_label.count, agreement.clear_label.total) == (50, 51)
    assert (agreement.kept.count, agreement.kept.total) == (51, 52)


def test_a_changed_label_costs_what_the_reference_thinks() -> None:
    """How much likelier it holds its own label: 0.65 and 0.02, the mean of both."""
    agreement = compared([[0.3, 0.65, 0.05], [0.38, 0.40, 0.22]], [CLEAR, DOUBT])
    assert agreement.loss == pytest.approx((0.65 + 0.02) / 2, abs=1e-3)
    assert agreement.loss_high is not None
    assert agreement.loss_high > agreement.loss
    assert agreement.largest_change == pytest.approx(0.5, abs=1e-3)


def test_where_the_truth_is_known_right_answers_are_counted() -> None:
    """One that is won makes up for one that is lost."""
    other = [0.38, 0.40, 0.22]
    agreement = compared([other, other, CLEAR], [DOUBT, DOUBT, CLEAR], [0, 1, 0])
    assert agreement.loss == 0
    assert agreement.accuracy is not None
    assert agreement.reference_accuracy is not None
    assert (agreement.accuracy.count, agreement.reference_accuracy.count) == (2, 2)


def test_verdicts_are_compared_where_there_are_any() -> None:
    """A score that crosses a threshold changes the verdict and not the label."""
    agreement = compared([[0.65, 0.31, 0.04]], [[0.70, 0.26, 0.04]], decision=DECISION)
    assert agreement.same_label is not None
    assert agreement.same_verdict is not None
    assert (agreement.same_label.count, agreement.same_verdict.count) == (1, 0)


def test_few_images_prove_little() -> None:
    """All 100 agree, and that proves 96.3 %."""
    (objection,) = objections(compared([CLEAR] * 100, [CLEAR] * 100), LIMITS)
    assert "100 of 100 images" in objection
    assert "proves 96.3% at 95 % confidence, wanted 97.0%: give more images" in objection


def test_where_the_model_is_always_in_doubt_every_label_counts() -> None:
    """Its scores hardly differ, so what a changed label costs by them says little."""
    flat, other = [0.335, 0.334, 0.331], [0.334, 0.335, 0.331]
    assert list(objections(compared([flat] * 200, [flat] * 200), LIMITS)) == []
    (objection,) = objections(compared([other] * 20 + [flat] * 180, [flat] * 200), LIMITS)
    assert "180 of 200 images keep their label, wanted 99.0%" in objection
    assert "all count, for only 0 are clear to the model" in objection


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([[0.3, 0.65, 0.05]] * 3, "197 of 200 images keep their label"),
        ([[0.3, 0.65, 0.05]] * 3, "expected to cost 0.97 points of accuracy, allowed 0.30"),
        ([[0.5, 0.45, 0.05]], "a score moves by 0.300, allowed 0.25"),
    ],
)
def test_each_limit_speaks_for_itself(changed: list[list[float]], expected: str) -> None:
    """Too many labels, too dear ones, a score that jumps."""
    rows = changed + [CLEAR] * (200 - len(changed))
    assert any(expected in objection for objection in objections(compared(rows, [CLEAR] * 200), LIMITS))


def test_verdicts_that_change_are_an_objection() -> None:
    """Though no label does."""
    rows = [[0.65, 0.31, 0.04]] * 5 + [[0.70, 0.26, 0.04]] * 195
    agreement = compared(rows, [[0.70, 0.26, 0.04]] * 200, decision=DECISION)
    (objection,) = objections(agreement, LIMITS)
    assert "195 of 200 images keep their verdict" in objection


def test_maps_are_compared_by_their_raw_outputs() -> None:
    """No label is told of them; what is further than the limit, or no number, is an objection."""
    declared = manifest(task="segmentation", output={"labels": ["a"], "kind": "map", "activation": "sigmoid"})
    steps = Steps(InputSpec(), declared.output)
    expected = [answer_of(np.ones((1, 2, 2), np.float32), steps, declared)]
    assert expected[0].verdict is Verdict.Undefined
    for value, wanted in ((1.04, []), (1.06, ["raw outputs are up to 0.06 away, allowed 0.05"])):
        found = [answer_of(np.full((1, 2, 2), value, np.float32), steps, declared)]
        agreement = compare(found * 50, expected * 50, [None] * 50, declared, LIMITS)
        assert agreement.same_label is None
        assert list(objections(agreement, LIMITS)) == wanted
    wrong = [answer_of(np.ones((1, 3, 3), np.float32), steps, declared)]
    far, few = objections(compare(wrong, expected, [None], declared, LIMITS), LIMITS)
    assert "infinitely far" in far
    assert few == "1 images were compared, wanted 50: give more images"


def test_a_single_label_is_always_clear() -> None:
    """There is no second one to be taken for it."""
    answer = Answer(
        raw_output=np.zeros(1, np.float32), scores=np.zeros(1, np.float32), best=0, verdict=Verdict.Undefined
    )
    assert answer.margin == 1
