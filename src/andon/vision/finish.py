"""Raw outputs become scores, and are compared. It knows nothing of labels or verdicts."""

from typing import Literal

import numpy as np

from andon.bundle.output_spec import OutputSpec
from andon.tensors import FloatArray, relative_difference


def as_rows(raw_output: FloatArray, spec: OutputSpec) -> FloatArray:
    """Give boxes as rows, float32 (M, 4 + K), in whichever order the graph gives them."""
    return raw_output.T if spec.box_rules.order == "columns" else raw_output


def activate(raw_output: FloatArray, spec: OutputSpec) -> FloatArray:
    """
    Turn the raw output of one image into scores.

    Args:
        raw_output: float32, finite, `spec.shape`: (K,), (K, H, W) of the kind `map`, or boxes.
        spec: Its `activation` is applied along K.

    Returns:
        float32 `spec.finished_shape`: 0-1 for `softmax` and `sigmoid`, the raw output itself for
        `none`. Boxes are rows, whose four numbers stay as they are.
    """
    if spec.kind == "boxes":
        rows = as_rows(raw_output, spec)
        if spec.activation == "none":
            return rows
        return np.concatenate([rows[:, :4], _activate(rows[:, 4:], spec.activation, axis=1)], axis=1)
    if spec.activation == "none":
        return raw_output
    return _activate(raw_output, spec.activation, axis=0)


def highest_of_labels(raw_output: FloatArray, spec: OutputSpec) -> FloatArray | None:
    """
    Give the highest raw output of each label, wherever it is in the image.

    Returns:
        float32 (K,), lower than any number where there are no boxes; None where the author's own `finish`
        alone knows what the raw output means.
    """
    if spec.finish is not None:
        return raw_output if raw_output.ndim == 1 else None
    highest: FloatArray = raw_output
    if spec.kind == "boxes":
        highest = as_rows(raw_output, spec)[:, 4:].max(axis=0, initial=-np.inf)
    elif spec.kind == "map":
        highest = raw_output.max(axis=(1, 2))
    return highest


def raw_difference(found: FloatArray, expected: FloatArray, spec: OutputSpec) -> float:
    """
    Tell how far a raw output is from the expected one, as `relative_difference`.

    The scores of boxes are compared by themselves: beside pixels of hundreds they would count for nothing.
    """
    if spec.kind != "boxes" or spec.finish is not None or found.shape != expected.shape:
        return relative_difference(found, expected)
    found, expected = as_rows(found, spec), as_rows(expected, spec)
    return max(relative_difference(found[:, :4], expected[:, :4]), relative_difference(found[:, 4:], expected[:, 4:]))


def _activate(values: FloatArray, activation: Literal["softmax", "sigmoid"], axis: int) -> FloatArray:
    if activation == "softmax":
        with np.errstate(over="ignore"):  # what lies further below the largest than float32 reaches is 0
            exponentials: FloatArray = np.exp(values - values.max(axis=axis, keepdims=True))
        sums: FloatArray = exponentials.sum(axis=axis, keepdims=True)
        return exponentials / sums
    # tanh does not overflow for large negative values, as exp(-x) would.
    halves: FloatArray = np.tanh(values * np.float32(0.5))
    return (halves + np.float32(1)) * np.float32(0.5)
