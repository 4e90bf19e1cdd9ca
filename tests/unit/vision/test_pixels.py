"""Raw frames come in every order of memory, and are taken as they are."""

import numpy as np
import pytest
from PIL import Image

from andon.errors import ImageError
from andon.vision.pixels import open_pixels

COLOUR = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
GREY, DEEP = COLOUR[:, :, 0].copy(), (COLOUR[:, :, 0].astype(np.uint16) * 200)


def read_only(array: np.ndarray) -> np.ndarray:
    """Give an array that cannot be written to."""
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("frame", [COLOUR, GREY, DEEP], ids=["colour", "grey", "deep"])
@pytest.mark.parametrize(
    "view",
    [lambda a: a[::-1], lambda a: a[:, ::-2], np.asfortranarray, read_only, lambda a: a.astype(a.dtype.newbyteorder())],
    ids=["upside down", "every other column", "Fortran order", "read-only", "other byte order"],
)
def test_a_frame_is_taken_in_any_order_of_memory(frame: np.ndarray, view: object) -> None:
    """Pixel for pixel."""
    seen = view(frame)  # type: ignore[operator] # a function
    image, exif = open_pixels(seen)
    np.testing.assert_array_equal(np.asarray(image), seen)
    assert exif == b""


def test_a_last_axis_of_one_is_grey() -> None:
    """As some cameras give it."""
    np.testing.assert_array_equal(open_pixels(GREY[:, :, np.newaxis])[0], GREY)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (DEEP[:, :, np.newaxis].repeat(3, 2), "image.depth"),
        (GREY.astype(np.int16), "image.depth"),
        (GREY / 255, "image.depth"),
        (COLOUR[np.newaxis], "image.shape"),
        (COLOUR[:0], "image.shape"),
    ],
)
def test_other_frames_are_refused(frame: np.ndarray, code: str) -> None:
    """Deep colour, signed numbers, fractions, batches and nothing at all."""
    with pytest.raises(ImageError) as caught:
        open_pixels(frame)
    assert caught.value.code == code


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16"])
def test_pillow_images_of_usual_modes_are_taken(mode: str) -> None:
    """As they are; bringing them to the declared channels comes later."""
    assert open_pixels(Image.new(mode, (3, 2)))[0].mode == mode


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pillow_images_of_other_numbers_are_refused(mode: str) -> None:
    """32 bits and fractions have no declared white."""
    with pytest.raises(ImageError) as caught:
        open_pixels(Image.new(mode, (3, 2)))
    assert caught.value.code == "image.depth"
