"""The author's transform, called as a notebook calls it, with every answer checked."""

import pickle
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from andon.build.blame import author_line
from andon.build.samples import Sample
from andon.errors import MismatchError, PackError, first_line
from andon.tensors import FloatArray

Transform = Callable[[Image.Image], Any]
"""Takes what `PIL.Image.open` returns, gives a float tensor (C, H, W)."""

_CALLS = 24
"""Repeated calls over all samples: an augmentation of every second call is missed once in ten million times."""
_CALLS_UNDER_SUSPICION = 400
"""Calls for one sample where chance is suspected: an augmentation of one call in a hundred is missed twice in 100."""
_MAX_SUSPICION_S = 2.0
"""Seconds after which suspicion ends; a transform that is slow enough to reach it is called less often."""


def apply_transform(transform: Transform, sample: Sample) -> FloatArray:
    """
    Call the author's transform on a sample.

    Returns:
        float32 (C, H, W), C order.

    Raises:
        PackError: `pack.transform`: it fails, or its answer has another type or shape.
    """
    try:
        with sample.open() as image:
            answer = transform(image)
        array = np.asarray(answer.detach().cpu().double() if hasattr(answer, "detach") else answer)
        is_float = answer.is_floating_point() if hasattr(answer, "is_floating_point") else array.dtype.kind == "f"
    except Exception as error:
        # The author's code may raise anything.
        raise PackError(
            f"the transform failed for {sample.name}: {type(error).__name__}: {first_line(error)}",
            code="pack.transform",
            where=author_line(error.__traceback__),
        ) from error
    if not is_float or array.ndim != 3:
        kind = getattr(answer, "dtype", type(answer).__name__)
        raise PackError(
            f"the transform returns {kind} of the shape {array.shape}, expected a float tensor (C, H, W)",
            code="pack.transform",
            where=sample.name,
            hint="leave the batch axis to Andon; scale integers to floats" if array.ndim == 4 else "",
        )
    if array.shape[0] not in (1, 3) and array.shape[2] in (1, 3):
        raise PackError(
            f"the transform returns the shape {array.shape}, which looks like (H, W, C), expected (C, H, W)",
            code="pack.transform",
            where=sample.name,
            hint="permute(2, 0, 1)",
        )
    if not np.isfinite(array).all():
        raise PackError("the transform returns numbers that are not finite", code="pack.transform", where=sample.name)
    return np.ascontiguousarray(array, dtype=np.float32)


def require_repeatable(transform: Transform, samples: Sequence[Sample]) -> None:
    """
    Call the transform again and again, and refuse one that does not always answer the same.

    A transform that draws random numbers is called more often.

    Raises:
        MismatchError: `pack.mismatch.random`.
    """
    repeats = -(-_CALLS // len(samples))
    for sample in samples[:_CALLS]:
        before = _random_state()
        first = apply_transform(transform, sample)
        suspicious = before != _random_state()
        _require_same(transform, sample, first, _CALLS_UNDER_SUSPICION if suspicious else repeats)


def require_no_chance(transform: Transform, sample: Sample) -> None:
    """
    Call the transform very often for a sample on which it surprises, before anything else is blamed.

    Raises:
        MismatchError: `pack.mismatch.random`.
    """
    _require_same(transform, sample, apply_transform(transform, sample), _CALLS_UNDER_SUSPICION)


def _require_same(transform: Transform, sample: Sample, first: FloatArray, calls: int) -> None:
    started = time.monotonic()
    for done in range(calls):
        if done > _CALLS and time.monotonic() - started > _MAX_SUSPICION_S:
            return
        if not np.array_equal(apply_transform(transform, sample), first):
            raise MismatchError(
                "the transform answers differently each time it is called for the same image (stage model input)",
                code="pack.mismatch.random",
                where=sample.name,
                hint="give the transform of validation, without random crops, flips or colours",
            )


def _random_state() -> bytes:
    """Give the state of the three generators that transforms commonly draw from."""
    import torch

    return torch.get_rng_state().numpy().tobytes() + pickle.dumps((random.getstate(), np.random.get_state()))
