"""
Whether a model answers for several images as it does for each of them alone.

It is asked, because nothing else tells: a number that is built in, and means over a batch, are found nowhere
but in the answers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.tensors import FloatArray, relative_difference
from andon.vision.prepare import normalise

_COUNTS = (2, 3)
"""A number that is built in fits one of them at most."""
_ALIKE = 1e-2
"""Relative difference that is a matter of sums in another order, also in half precision."""


def answers_for_several(run: Callable[[FloatArray], NDArray[Any]], wanted: GraphInput) -> bool:
    """
    Ask a model about dark, middling and bright noise, alone and together.

    Args:
        run: Runs model inputs, float32 (N, C, H, W), to raw outputs (N, ...); raises PackError where it fails.
        wanted: How pixels become model inputs, and their size.

    Returns:
        Whether each image gets the answer that it gets alone; false where it fails on several, or on one.
    """
    images = _images(wanted.spec, wanted.size)
    try:
        alone = [run(image[np.newaxis]) for image in images]
        if not all(answer.ndim and len(answer) == 1 for answer in alone):
            return False
        return all(
            relative_difference(run(images[:count]), np.concatenate(alone[:count])) <= _ALIKE for count in _COUNTS
        )
    except PackError:
        return False


def _images(spec: InputSpec, size: tuple[int, int]) -> FloatArray:
    """Make model inputs of three brightnesses: float32 (3, C, H, W)."""
    random = np.random.default_rng(0)
    low, high = spec.levels if spec.dtype == "uint16" else (0, 255)
    shares = (random.random((3, *size, spec.channels)) + np.arange(3).reshape(3, 1, 1, 1)) / 3
    pixels = np.rint(low + shares * (high - low)).astype(spec.dtype)
    return np.stack([normalise(image, spec) for image in pixels])
