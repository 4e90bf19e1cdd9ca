"""Raw outputs become scores. It knows nothing of labels or verdicts."""

import numpy as np

from andon.bundle.manifest import OutputSpec
from andon.tensors import FloatArray


def activate(raw_outputs: FloatArray, spec: OutputSpec) -> FloatArray:
    """
    Turn raw outputs into scores.

    Args:
        raw_outputs: float32 (N, K), finite.
        spec: Its `activation` is applied along K.

    Returns:
        float32 (N, K): 0-1 for `softmax` and `sigmoid`, the raw outputs themselves for `none`.
    """
    if spec.activation == "softmax":
        with np.errstate(over="ignore"):  # what lies further below the largest than float32 reaches is 0
            exponentials: FloatArray = np.exp(raw_outputs - raw_outputs.max(axis=1, keepdims=True))
        sums: FloatArray = exponentials.sum(axis=1, keepdims=True)
        return exponentials / sums
    if spec.activation == "sigmoid":
        # tanh does not overflow for large negative values, as exp(-x) would.
        halves: FloatArray = np.tanh(raw_outputs * np.float32(0.5))
        return (halves + np.float32(1)) * np.float32(0.5)
    return raw_outputs
