"""What Pillow raises on an image in hand becomes an error of that image."""

import pytest
from PIL import Image

from andon.errors import ImageError
from andon.vision.encoded import pillow_errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError("broken"), "image.truncated"),
        (SyntaxError("broken"), "image.truncated"),
        (AssertionError(), "image.truncated"),
        (MemoryError(), "image.pixels"),
        (Image.DecompressionBombError("big"), "image.pixels"),
    ],
)
def test_an_error_of_pillow_is_an_error_of_the_image(error: Exception, code: str) -> None:
    """Too large is one thing, damaged the other."""
    with pytest.raises(ImageError) as caught, pillow_errors():
        raise error
    assert caught.value.code == code


def test_a_long_message_is_cut() -> None:
    """What stands in a file may be long, and ends up in answers and logs."""
    with pytest.raises(ImageError) as caught, pillow_errors():
        raise OSError("x" * 10_000)
    assert len(caught.value.message) < 400


def test_an_interrupt_passes() -> None:
    """A person who stops the program is no damaged image."""
    with pytest.raises(KeyboardInterrupt), pillow_errors():
        raise KeyboardInterrupt
