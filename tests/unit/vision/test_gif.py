"""Of a GIF the first picture is taken, and the file must have an end."""

import numpy as np
import pytest
from PIL import Image

from andon.errors import ImageError
from andon.vision.gif import decode_gif, read_gif
from tests.support.odd_images import gif_of_few_pixels
from tests.support.pictures import encoded, photo


def moving() -> bytes:
    """Make an animation of three pictures that differ."""
    pictures = [photo(20, 12, "P", seed) for seed in range(3)]
    return encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:])


def test_of_an_animation_the_first_picture_is_taken() -> None:
    """And no byte of the others is given to Pillow."""
    read = read_gif(moving())
    assert len(read.pixel_data) < len(moving()) / 2
    np.testing.assert_array_equal(decode_gif(read).convert("RGB"), photo(20, 12, "P", 0).convert("RGB"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (moving()[:-1], "ends within a block"),
        (moving()[:-1] + b"?", "unknown kind 0x3f"),
        (b"GIF89a" + bytes(7) + b";", "holds no picture"),
        (b"GIF89a" + bytes(7) + b"!\xfe" + b"\1x" * 600_000 + b"\0;", "more than 500000 pieces"),
    ],
)
def test_what_has_no_end_or_too_many_parts_is_refused(data: bytes, words: str) -> None:
    """Before Pillow walks through it."""
    with pytest.raises(ImageError, match=words):
        read_gif(data)


def test_data_that_end_early_are_refused() -> None:
    """Pillow raises for them."""
    with pytest.raises(ImageError):
        decode_gif(read_gif(gif_of_few_pixels()))


def test_a_picture_beyond_the_screen_makes_it_larger() -> None:
    """As in Pillow, so that the limit on pixels sees the true size."""
    data = bytearray(encoded(Image.new("L", (4, 3)), "GIF"))
    data[6:10] = b"\1\0\1\0"
    read = read_gif(bytes(data))
    assert (read.width, read.height) == decode_gif(read).size == (4, 3)
