"""Raw outputs become scores, whatever their size."""

import numpy as np
import pytest

from andon.bundle.output_spec import BoxesSpec, OutputSpec
from andon.vision.finish import activate, highest_of_labels, raw_difference


def scores(rows: list[list[float]], activation: str) -> np.ndarray:
    """Apply an activation to float32 rows, each the raw output of an image."""
    kind = "probabilities" if activation == "none" else "logits"
    spec = OutputSpec(labels=("a",) * len(rows[0]), kind=kind, activation=activation)
    return np.stack([activate(row, spec) for row in np.array(rows, np.float32)])


def test_softmax_is_that_of_each_row() -> None:
    """Against float64, to 1e-6; rows do not touch each other."""
    rows = np.random.default_rng(0).normal(0, 4, (5, 7)).astype(np.float32)
    exponentials = np.exp(rows.astype(np.float64))
    found = scores(rows.tolist(), "softmax")
    np.testing.assert_allclose(found, exponentials / exponentials.sum(axis=1, keepdims=True), atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[2:3], scores(rows[2:3].tolist(), "softmax"))


def test_sigmoid_is_that_of_each_output() -> None:
    """Against float64, to 1e-6."""
    rows = np.random.default_rng(0).normal(0, 4, (5, 7)).astype(np.float32)
    np.testing.assert_allclose(scores(rows.tolist(), "sigmoid"), 1 / (1 + np.exp(-rows.astype(np.float64))), atol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("size", [100, 1e5, 3e38])
def test_large_outputs_neither_overflow_nor_leave_the_range(activation: str, size: float) -> None:
    """Raw outputs up to the largest float32 give scores in 0-1, without a warning."""
    found = scores([[size, -size, 0.0], [-size, -size, -size]], activation)
    assert ((found >= 0) & (found <= 1)).all()
    assert found[0, 0] == pytest.approx(1)


def test_probabilities_are_left_as_they_are() -> None:
    """`none` is for graphs that end in probabilities."""
    np.testing.assert_array_equal(scores([[0.25, 0.75]], "none"), np.array([[0.25, 0.75]], np.float32))


def test_one_class_is_certain_for_softmax_only() -> None:
    """A single output is 1 after softmax, whatever it is."""
    assert scores([[-3.0]], "softmax")[0, 0] == 1
    assert scores([[0.0]], "sigmoid")[0, 0] == 0.5


def test_a_map_is_activated_along_its_labels() -> None:
    """Each pixel by itself, against float64."""
    raw = np.random.default_rng(0).normal(0, 4, (3, 5, 4)).astype(np.float32)
    exponentials = np.exp(raw.astype(np.float64))
    found = activate(raw, OutputSpec(labels=("a", "b", "c"), kind="map"))
    np.testing.assert_allclose(found, exponentials / exponentials.sum(axis=0), atol=1e-6)


def test_the_corners_of_boxes_are_left_alone() -> None:
    """Only the scores behind the four numbers are activated; there may be no box at all."""
    spec = OutputSpec(labels=("a", "b"), kind="boxes", activation="sigmoid")
    found = activate(np.array([[1, 2, 30, 40, 0, 0], [5, 6, 7, 8, 9, -9]], np.float32), spec)
    np.testing.assert_array_equal(found[:, :4], [[1, 2, 30, 40], [5, 6, 7, 8]])
    np.testing.assert_allclose(found[:, 4:], [[0.5, 0.5], [0.99987661, 0.00012339]], atol=1e-6)
    assert activate(np.zeros((0, 6), np.float32), spec).shape == (0, 6)


BOXES = OutputSpec(labels=("a", "b"), kind="boxes", activation="none")


def test_the_highest_of_each_label_is_found_wherever_it_is() -> None:
    """In rows of boxes beside their corners, and in a map; the author's own code alone knows its input."""
    rows = np.array([[900, 900, 900, 900, 1, 4], [9, 9, 9, 9, 3, 2]], np.float32)
    spec = OutputSpec(labels=("a", "b"), kind="map")
    own = OutputSpec(labels=("a", "b"), kind="map", finish="own.code:finish")
    found = highest_of_labels(rows, BOXES)
    assert found is not None
    assert found.tolist() == [3, 4]
    found = highest_of_labels(np.array([[[1, 5]], [[0, -1]]], np.float32), spec)
    assert found is not None
    assert found.tolist() == [5, 0]
    assert highest_of_labels(rows, own) is None


def test_scores_of_boxes_are_compared_by_themselves() -> None:
    """A score that is off by a tenth is seen beside corners of hundreds of pixels."""
    expected = np.array([[600, 400, 640, 480, 0.1, 0.8]], np.float32)
    found = expected.copy()
    found[0, 5] = 0.7
    assert raw_difference(found, expected, BOXES) == pytest.approx(0.125, abs=1e-4)
    found = expected.copy()
    found[0, 0] += 6.4
    assert raw_difference(found, expected, BOXES) == pytest.approx(0.01, abs=1e-4)
    assert raw_difference(found[:, :5], expected, BOXES) == float("inf")


@pytest.mark.parametrize("activation", ["sigmoid", "none"])
def test_boxes_in_columns_become_rows(activation: str) -> None:
    """The same boxes, scores and differences in both orders."""
    rows = np.random.default_rng(0).random((7, 6)).astype(np.float32)
    specs = [
        OutputSpec(labels=("a", "b"), kind="boxes", activation=activation, boxes=BoxesSpec(order=order))
        for order in ("rows", "columns")
    ]
    assert (specs[0].shape, specs[1].shape) == ((None, 6), (6, None))
    assert specs[1].finished_shape == (None, 6)
    np.testing.assert_array_equal(activate(rows.T, specs[1]), activate(rows, specs[0]))
    highest = highest_of_labels(rows.T, specs[1])
    assert highest is not None
    np.testing.assert_array_equal(highest, rows[:, 4:].max(axis=0))
    other = rows + np.float32([100, 0, 0, 0, 0.5, 0])
    assert raw_difference(other.T, rows.T, specs[1]) == raw_difference(other, rows, specs[0])
