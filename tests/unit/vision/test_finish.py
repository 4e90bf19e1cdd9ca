"""Raw outputs become scores, whatever their size."""

import numpy as np
import pytest

from andon.bundle.output_spec import OutputSpec
from andon.vision.finish import activate


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
