"""Images of another depth than declared are refused, and levels become grey as declared."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.errors import ImageError
from andon.vision.depth import deep_image, grey_levels_of, require_depth


@pytest.mark.parametrize(
    ("bits", "depth", "is_grey", "words"),
    [
        (16, 8, True, "expected 8"),
        (8, 12, True, "the model takes grey images of 12"),
        (12, 16, True, "its white would be grey"),
        (16, 16, False, "of more than 8 bits only grey is taken"),
    ],
)
def test_another_depth_is_refused(bits: int, depth: int, is_grey: bool, words: str) -> None:  # noqa: FBT001 -- by name
    """Never clipped, never shifted in silence."""
    spec = InputSpec(color="L", depth=depth)
    with pytest.raises(ImageError, match=words) as caught:
        require_depth(bits, spec, is_grey=is_grey)
    assert caught.value.code == "image.depth"


@pytest.mark.parametrize(("bits", "depth"), [(8, 8), (1, 8), (12, 12), (16, 12), (16, 16)])
def test_the_declared_depth_is_taken(bits: int, depth: int) -> None:
    """12 bits usually come in 16."""
    require_depth(bits, InputSpec(color="L", depth=depth), is_grey=True)


def test_levels_beyond_the_depth_are_refused() -> None:
    """A camera that shifts its 12 bits up to 16 is another one than declared."""
    image = Image.fromarray(np.array([[0, 4096]], np.uint16))
    with pytest.raises(ImageError, match="the level 4096, 12 bits end at 4095"):
        deep_image(image, InputSpec(color="L", depth=12))


def test_levels_are_kept_or_brought_to_8_bits() -> None:
    """In either order of bytes, with what lies outside the range clipped."""
    levels = np.array([[0, 100, 227, 355, 65535]], np.uint16)
    for image in (Image.fromarray(levels), Image.frombytes("I;16B", (5, 1), levels.astype(">u2").tobytes())):
        np.testing.assert_array_equal(deep_image(image, InputSpec(color="L", depth=16)), levels)
        spec = InputSpec(color="L", depth=16, range=(100, 355), to_8_bits="floor")
        np.testing.assert_array_equal(deep_image(image, spec), [[0, 0, 127, 255, 255]])


def test_fractions_of_a_level_are_rounded_as_declared() -> None:
    """Against float64 for every level of 12 bits."""
    exact = np.arange(4096) * 255 / 4095
    floor = grey_levels_of(InputSpec(color="L", depth=12, to_8_bits="floor"))
    nearest = grey_levels_of(InputSpec(color="L", depth=12, to_8_bits="nearest"))
    np.testing.assert_array_equal(floor, np.floor(exact + 1e-9))
    np.testing.assert_array_equal(nearest, np.rint(exact))


@pytest.mark.parametrize(
    ("declared", "trained"),
    [
        ({"depth": 16, "to_8_bits": "floor"}, lambda levels: (levels / 257).astype(np.uint8)),
        ({"depth": 16, "range": (0, 65280), "to_8_bits": "floor"}, lambda levels: (levels >> 8).astype(np.uint8)),
        ({"depth": 12, "range": (0, 4080), "to_8_bits": "floor"}, lambda levels: (levels >> 4).astype(np.uint8)),
        ({"depth": 16, "to_8_bits": "nearest"}, lambda levels: cv2.convertScaleAbs(levels, alpha=255 / 65535)),
    ],
    ids=["by 257", "shift by 8", "shift by 4", "convertScaleAbs"],
)
def test_what_trainings_do_can_be_declared(
    declared: dict[str, Any], trained: Callable[[np.ndarray], np.ndarray]
) -> None:
    """The table of the page on images, for every level that there is."""
    spec = InputSpec(color="L", **declared)
    levels = np.arange(2**spec.depth, dtype=np.uint16)
    np.testing.assert_array_equal(grey_levels_of(spec), trained(levels).ravel())
