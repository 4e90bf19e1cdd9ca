"""Raw outputs become scores. It knows nothing of labels or verdicts."""

import numpy as np

from andon.bundle.output_spec import OutputSpec
from andon.tensors import FloatArray


def activate(raw_output: FloatArray, spec: OutputSpec) -> FloatArray:
    """
    Turn the raw output of one image into scores.

    Args:
        raw_output: float32 (K,), finite.
        spec: Its `activation` is applied.

    Returns:
        float32 (K,): 0-1 for `softmax` and `sigmoid`, the raw output itself for `none`.
    """
    if spec.activation == "softmax":
        with np.errstate(over="ignore"):  # what lies further below the largest than float32 reaches is 0
            exponentials: FloatArray = np.exp(raw_output - raw_output.max())
        scores: FloatArray = exponentials / exponentials.sum()
        return scores
    if spec.activation == "sigmoid":
        # tanh does not overflow for large negative values, as exp(-x) would.
        halves: FloatArray = np.tanh(raw_output * np.float32(0.5))
        return (halves + np.float32(1)) * np.float32(0.5)
    return raw_output
