"""A declared input says of itself what its prepared pixels are."""

from typing import Any

import msgspec
import pytest

from andon.bundle.input_spec import InputSpec, Roi, Tiles


@pytest.mark.parametrize(("color", "channels"), [("RGB", 3), ("BGR", 3), ("L", 1), ("LLL", 3)])
def test_channels_are_the_letters_of_the_color(color: str, channels: int) -> None:
    """One letter a channel."""
    assert InputSpec(color=color).channels == channels  # type: ignore[arg-type] # one of four


def test_eight_bits_are_grey_levels_themselves() -> None:
    """Prepared to uint8, one level each."""
    spec = InputSpec()
    assert (spec.dtype, spec.levels, spec.level) == ("uint8", (0, 255), 1)


def test_deep_pixels_keep_their_levels() -> None:
    """Prepared to uint16; the range is what 0-255 is spread over."""
    spec = InputSpec(color="L", depth=12)
    assert (spec.dtype, spec.levels, spec.level) == ("uint16", (0, 4095), 255 / 4095)
    assert InputSpec(color="L", depth=16, range=(100, 610)).level == 0.5


def test_deep_pixels_may_be_brought_to_eight_bits_at_once() -> None:
    """Then all that follows is as with 8 bits."""
    spec = InputSpec(color="LLL", depth=16, range=(0, 1000), to_8_bits="nearest")
    assert (spec.dtype, spec.levels, spec.level) == ("uint8", (0, 1000), 1)


TILES = {"size": [512, 256], "overlap": 32}


@pytest.mark.parametrize(
    ("fields", "is_whole"),
    [
        ({"crop": {"size": [512, 256]}}, True),
        ({"crop": {"size": [511, 256]}}, False),
        ({"resize": {"mode": "exact", "size": [100, 90]}, "crop": {"size": [100, 90]}}, True),
        ({"resize": {"mode": "exact", "size": [100, 90]}, "crop": {"size": [100, 89]}}, False),
        ({"resize": {"mode": "shorter_side", "size": 128}, "crop": {"size": [256, 128]}}, True),
        ({"resize": {"mode": "shorter_side", "size": 128}, "crop": {"size": [128, 128]}}, False),
        ({"resize": {"mode": "letterbox", "size": [128, 128]}}, True),
    ],
)
def test_a_crop_must_not_hide_the_border_of_tiles(fields: dict[str, Any], *, is_whole: bool) -> None:
    """What lies there would be seen by none; without tiles it is the author's choice."""
    msgspec.convert(fields, InputSpec)
    if is_whole:
        msgspec.convert({**fields, "tiles": TILES}, InputSpec)
    else:
        with pytest.raises(msgspec.ValidationError, match="hides the border of each tile"):
            msgspec.convert({**fields, "tiles": TILES}, InputSpec)


def test_one_tile_is_declared_as_an_image_is() -> None:
    """Without tiles and region; where there are no tiles, the region is part of it."""
    roi, tiles = Roi(x=1, y=2, width=3, height=4), Tiles(size=(9, 9), overlap=3)
    assert InputSpec(color="L", roi=roi, tiles=tiles).of_one == InputSpec(color="L")
    assert InputSpec(roi=roi).of_one == InputSpec(roi=roi)


@pytest.mark.parametrize("part", ["resize", "crop"])
def test_a_border_has_one_level_or_one_for_each_of_three_channels(part: str) -> None:
    """Of a letterbox and of a crop; a colour around a grey image is refused, and so are two levels."""
    size = {"mode": "letterbox", "size": [8, 8]} if part == "resize" else {"size": [8, 8]}
    for pad in (3, [1, 2, 3]):
        msgspec.convert({part: {**size, "pad": pad}}, InputSpec)
    for refused in ({part: {**size, "pad": [1, 2]}}, {part: {**size, "pad": [1, 2, 3]}, "color": "L"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(refused, InputSpec)


@pytest.mark.parametrize(
    ("kernel", "antialias"), [("area", True), ("box", False), ("hamming", False), ("cubist", False)]
)
def test_a_kernel_of_the_other_library_is_refused(kernel: str, antialias: bool) -> None:  # noqa: FBT001 -- a parameter
    """What `antialias` chooses between are the libraries."""
    resize = {"mode": "exact", "size": [8, 8], "interpolation": kernel, "antialias": antialias}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"resize": resize}, InputSpec)
