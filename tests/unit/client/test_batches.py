"""Images become batches: in order, within the bounds, read no sooner than needed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.client.batches import Batches, fill, take, to_send
from andon.client.form import PART_BYTES, ask_to_predict
from andon.errors import UsageError
from andon.predictions import Prediction, Verdict
from andon.settings.limits import DEFAULT_LIMITS, Limits

IMAGES = st.lists(st.binary(min_size=1, max_size=50) | st.none(), max_size=30)
"""Encoded images, and among them what cannot be used."""


def test_an_image_that_cannot_be_used_is_its_prediction() -> None:
    """It needs no service to say so."""
    slot = take("/nowhere/part.png", DEFAULT_LIMITS)
    assert isinstance(slot, Prediction)
    assert slot.error is not None
    assert (slot.error.code, slot.verdict, slot.reasons) == (
        "image.missing",
        Verdict.NotDecidable,
        (slot.error.message,),
    )
    assert take(b"image", DEFAULT_LIMITS) == b"image"


@given(IMAGES, st.integers(1, 40), st.integers(1, 12), st.integers(1, 3000))
def test_batches_hold_all_images_in_order_within_the_bounds(
    images: list[Any], batch_size: int, max_images: int, max_body_bytes: int
) -> None:
    """Number and bytes hold for each batch; only an image that is over the bytes alone travels alone."""
    limits = Limits(max_images=max_images, max_body_bytes=max_body_bytes)
    batches = list(Batches(images, batch_size, limits))
    slots = [slot for batch in batches for slot in batch]
    assert [None if isinstance(slot, Prediction) else slot for slot in slots] == images
    for batch in batches:
        assert 1 <= len(batch) <= min(batch_size, max_images)
        sent = to_send(batch)
        if len(sent) > 1:
            assert len(ask_to_predict(sent, "/predict").body) <= max_body_bytes


@given(st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=30), st.integers(1, 8))
def test_a_batch_is_as_full_as_it_may_be(images: list[bytes], batch_size: int) -> None:
    """Only the last one is smaller, where bytes do not bound them."""
    sizes = [len(batch) for batch in Batches(images, batch_size, DEFAULT_LIMITS)]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    exact = Limits(max_body_bytes=3 * (len(images[0]) + PART_BYTES) + PART_BYTES)
    assert [len(batch) for batch in Batches([images[0]] * 7, 8, exact)] == [3, 3, 1]


@given(IMAGES)
def test_predictions_come_back_to_their_places(images: list[Any]) -> None:
    """Those that were sent and those that were not."""
    (batch,) = Batches([*images, b"last"], 99, Limits(max_images=99))
    labels = [Prediction(label=str(number)) for number in range(len(to_send(batch)))]
    filled = fill(batch, labels)
    assert [p.label for p in filled if p.error is None] == [str(number) for number in range(len(labels))]
    assert [p.error is None for p in filled] == [image is not None for image in [*images, b"last"]]


def test_images_are_read_as_batches_are_asked_for() -> None:
    """An endless source may be left at any time."""
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield b"image"

    batches = Batches(endless(), 4, DEFAULT_LIMITS)
    assert read == []
    next(batches)
    assert len(read) == 4


def test_an_array_may_be_used_again() -> None:
    """It is encoded when it is read, not when it is sent."""

    def camera() -> Iterator[np.ndarray[Any, Any]]:
        frame = np.zeros((4, 4), np.uint8)
        for grey in range(3):
            frame[:] = grey
            yield frame

    (batch,) = Batches(camera(), 8, DEFAULT_LIMITS)
    assert len(set(batch)) == 3


def test_an_error_of_the_source_waits_for_the_images_before() -> None:
    """The batch that was begun is given, then the source is not asked again."""

    def failing() -> Iterator[bytes]:
        yield from [b"image"] * 3
        raise OSError("gone")

    batches = Batches(failing(), 2, DEFAULT_LIMITS)
    assert [len(batch) for batch in batches] == [2, 1]
    assert isinstance(batches.error, OSError)
    assert list(batches) == []


@pytest.mark.parametrize("images", ["part.png", b"image", bytearray(b"image"), np.zeros((4, 4, 3), np.uint8)])
def test_one_image_is_not_many(images: Any) -> None:
    """The letters of a path and the rows of an array are no images."""
    with pytest.raises(UsageError, match="single image"):
        Batches(images, 8, DEFAULT_LIMITS)


def test_an_array_of_images_is_many() -> None:
    """Its first axis is the images."""
    assert [len(batch) for batch in Batches(np.zeros((5, 4, 4, 3), np.uint8), 3, DEFAULT_LIMITS)] == [3, 2]  # type: ignore[arg-type]  # an array is iterable
