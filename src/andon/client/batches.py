"""Images of a caller become the requests that they travel in, in order: encoded, gathered and bounded."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from PIL import Image

from andon.client.form import PART_BYTES
from andon.errors import ImageError, UsageError
from andon.predictions import Failure, Prediction, failed
from andon.settings.limits import Limits
from andon.vision.decode import ImageSource
from andon.vision.encode import encode

DEFAULT_BATCH_SIZE = 8
"""Images that `predict_many` sends in one request."""
REQUESTS_AT_ONCE = 2
"""Requests of one `predict_many` under way: while the service works on one, the next is already there."""
Slot: TypeAlias = bytes | Prediction
"""An encoded image; or the prediction of one that need not be sent, because it cannot be used."""
Batch: TypeAlias = Sequence[Slot]


def take(source: ImageSource, limits: Limits) -> Slot:
    """Encode one image; its error becomes its prediction, as `Model.predict` would give it."""
    try:
        return encode(source, limits)
    except ImageError as error:
        return failed(Failure(code=error.code, message=error.message, hint=error.hint))


def to_send(batch: Batch) -> list[bytes]:
    """Give the images of a batch that are to be sent."""
    return [slot for slot in batch if not isinstance(slot, Prediction)]


def fill(batch: Batch, predictions: Iterable[Prediction]) -> list[Prediction]:
    """Put the predictions of the images that were sent in their places."""
    answered = iter(predictions)
    return [slot if isinstance(slot, Prediction) else next(answered) for slot in batch]


class Batches:
    """
    The batches of a caller's images, made as they are asked for.

    An error that ends the images is kept, so that those before it are answered first.

    Args:
        images: As `Client.predict` takes them.
        batch_size: Images in a batch at most, bad ones among them.
        limits: `max_images` and `max_body_bytes` bound a batch too; an image that is over the
            latter with its form travels alone.

    Raises:
        UsageError: `usage.argument`: the batch size is below 1, or `images` is a single image.
    """

    def __init__(self, images: Iterable[ImageSource], batch_size: int, limits: Limits) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}, expected 1 or more", code="usage.argument")
        if isinstance(images, str | bytes | bytearray | memoryview | os.PathLike | Image.Image) or (
            isinstance(images, np.ndarray) and images.ndim < 4
        ):
            raise UsageError(
                "images is a single image, expected several", code="usage.argument", hint="predict([image]), or predict"
            )
        self.error: Exception | None = None
        """What reading the images raised; None while it goes on, and where it ended well."""
        self._images = iter(images)
        self._batch_size = min(batch_size, limits.max_images)
        self._limits = limits
        self._carried: list[Slot] = []

    def __iter__(self) -> Iterator[list[Slot]]:
        return self

    def __next__(self) -> list[Slot]:
        batch, self._carried = self._carried, []
        size_bytes = PART_BYTES + sum(map(_cost_bytes, batch))
        while len(batch) < self._batch_size and (slot := self._next_slot()) is not None:
            size_bytes += _cost_bytes(slot)
            if size_bytes > self._limits.max_body_bytes and to_send(batch):
                self._carried = [slot]
                break
            batch.append(slot)
        if not batch:
            raise StopIteration
        return batch

    def _next_slot(self) -> Slot | None:
        """Encode the next image; None at the end of them."""
        if self.error is not None:
            return None
        try:
            source = next(self._images)
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is raised once those before are answered
            self.error = error
            return None
        return take(source, self._limits)


def _cost_bytes(slot: Slot) -> int:
    return 0 if isinstance(slot, Prediction) else len(slot) + PART_BYTES
