"""The author's transform, called as a notebook calls it, with every answer checked."""

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from PIL import Image

from andon.build.blame import author_line, first_line
from andon.errors import ImageError, MismatchError, PackError
from andon.settings import DEFAULT_LIMITS
from andon.tensors import FloatArray
from andon.vision.decode import open_encoded

Transform = Callable[[Image.Image], Any]
"""Takes what `PIL.Image.open` returns, gives a float tensor (C, H, W)."""

_REPEATED_CALLS = 24
"""Repeated calls over all samples: an augmentation of every second call is missed once in ten million times."""


class Sample(Struct, frozen=True, kw_only=True):
    """One image to pack with."""

    name: str
    """What to call it in a message."""
    encoded: bytes
    """JPEG or PNG bytes."""
    path: Path | None = None
    """Where it was read from; None for an image that was made here."""

    def open(self) -> Image.Image:
        """Open it as the author's code does, by its path where it has one."""
        return Image.open(self.path or io.BytesIO(self.encoded))


def read_samples(samples: Sequence[str | os.PathLike[str] | Image.Image]) -> list[Sample]:
    """
    Read samples from files, or keep Pillow images as PNG.

    Raises:
        PackError: `pack.samples`: there are none, or one is not a JPEG or PNG image.
    """
    if isinstance(samples, str | os.PathLike):
        raise PackError("samples is one path, expected a list of paths", code="pack.samples", hint="samples=[path]")
    found = [_read_sample(sample, number) for number, sample in enumerate(samples)]
    if not found:
        raise PackError(
            "there are no samples", code="pack.samples", hint="give at least one image, better ten of each class"
        )
    return found


def _read_sample(sample: str | os.PathLike[str] | Image.Image, number: int) -> Sample:
    if isinstance(sample, Image.Image):
        buffer = io.BytesIO()
        sample.save(buffer, "PNG")
        return Sample(name=f"sample {number}", encoded=buffer.getvalue())
    path = Path(sample)
    try:
        encoded = path.read_bytes()
        open_encoded(encoded, DEFAULT_LIMITS)
    except OSError as error:
        raise PackError(f"cannot be read: {error.strerror}", code="pack.samples", where=str(path)) from None
    except ImageError as error:
        raise PackError(
            error.message, code="pack.samples", where=str(path), hint="samples are JPEG or PNG files"
        ) from None
    return Sample(name=str(path), encoded=encoded, path=path)


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
    except Exception as error:
        # The author's code may raise anything.
        raise PackError(
            f"the transform failed for {sample.name}: {type(error).__name__}: {first_line(error)}",
            code="pack.transform",
            where=author_line(error.__traceback__),
        ) from error
    array = np.asarray(answer.detach().cpu() if hasattr(answer, "detach") else answer)
    if array.dtype.kind != "f" or array.ndim != 3:
        raise PackError(
            f"the transform returns {array.dtype} of the shape {array.shape}, expected a float tensor (C, H, W)",
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

    Raises:
        MismatchError: `pack.mismatch.random`.
    """
    repeats = -(-_REPEATED_CALLS // len(samples))
    for sample in samples[:_REPEATED_CALLS]:
        first = apply_transform(transform, sample)
        for _ in range(repeats):
            again = apply_transform(transform, sample)
            if again.shape != first.shape or not np.array_equal(again, first):
                raise MismatchError(
                    "the transform answers differently each time it is called for the same image (stage model input)",
                    code="pack.mismatch.random",
                    where=sample.name,
                    hint="give the transform of validation, without random crops, flips or colours",
                )
