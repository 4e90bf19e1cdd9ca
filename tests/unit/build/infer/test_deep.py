"""Tests of what is read from flat images of 16 bits."""

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from andon.build.infer.deep import find_deep_values
from andon.build.infer.find import find_input
from andon.build.infer.made import Studio
from andon.build.infer.oracle import Oracle, silent
from andon.build.samples import read_samples
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from tests.support.author import photo
from tests.support.transforms import PILLOW, Transform, to_tensor

PLAIN = {"color": "L", "depth": 16}


def floats(image: Image.Image) -> Any:
    """Give levels as floats."""
    return np.asarray(image).astype(np.float32)


def whole(levels: Any) -> Any:
    """Cut to 8 bits as numpy does."""
    return levels.astype(np.uint8)


def window(image: Image.Image) -> torch.Tensor:
    """Show levels from 1000 to 9000."""
    return to_tensor(((floats(image) - 1000) / 8000).clip(0, 1), 1.0)


def spec_of(transform: Transform, highest: int = 65535, channels: int = 1) -> InputSpec:
    """Find what a transform makes of levels."""
    studio = Studio(grey=True, side=9, levels=(0, 65535))
    return find_deep_values(Oracle(transform, silent), studio, (9, 7), channels, highest).spec


@pytest.mark.parametrize(
    ("transform", "highest", "wanted"),
    [
        (lambda image: to_tensor(floats(image), 1 / 65535), 65535, PLAIN),
        (lambda image: to_tensor(floats(image), 1 / 4095), 4000, {"color": "L", "depth": 12}),
        (lambda image: to_tensor(floats(image), 1 / 1023), 1000, {"color": "L", "depth": 10}),
        (
            lambda image: (to_tensor(floats(image), 1 / 65535) - 0.5) / 0.25,
            65535,
            {**PLAIN, "mean": [0.5], "std": [0.25]},
        ),
        (window, 65535, {**PLAIN, "range": [1000, 9000]}),
        (lambda image: to_tensor(image.convert("L")), 65535, {**PLAIN, "range": [0, 255], "to_8_bits": "floor"}),
        (
            lambda image: to_tensor(whole(np.asarray(image) >> 8)),
            65535,
            {**PLAIN, "range": [0, 65280], "to_8_bits": "floor"},
        ),
        (lambda image: to_tensor(whole(floats(image) / 65535 * 255)), 65535, {**PLAIN, "to_8_bits": "floor"}),
        (lambda image: to_tensor(whole(np.rint(floats(image) / 257))), 65535, {**PLAIN, "to_8_bits": "nearest"}),
        (
            lambda image: to_tensor(whole(np.asarray(image) >> 4)),
            4000,
            {"color": "L", "depth": 12, "range": [0, 4080], "to_8_bits": "floor"},
        ),
    ],
)
def test_depth_range_and_rounding_are_found(transform: Transform, highest: int, wanted: dict[str, Any]) -> None:
    """What cameras of 10, 12 and 16 bits are fed through: all levels, a window, the upper byte, Pillow's clipping."""
    assert spec_of(transform, highest) == msgspec.convert(wanted, InputSpec)


def test_grey_in_three_channels_is_found() -> None:
    """Models that were trained in colour take deep grey images, too."""
    assert spec_of(lambda image: to_tensor(floats(image), 1 / 65535).repeat(3, 1, 1), channels=3).color == "LLL"


@pytest.mark.parametrize(
    "transform",
    [
        lambda image: to_tensor(floats(image), 1 / 65535) ** 0.5,
        lambda image: to_tensor(whole(np.asarray(image))),
        lambda image: to_tensor(floats(image) - floats(image).min()),
    ],
)
def test_other_levels_are_refused(transform: Transform) -> None:
    """A curve, levels that wrap around, and those of an image itself."""
    with pytest.raises(PackError) as caught:
        spec_of(transform)
    assert caught.value.code == "pack.input"


@pytest.mark.slow
def test_the_whole_preparation_of_deep_samples_is_found() -> None:
    """The geometry is probed with deep images; clipped levels are a warning."""
    grey = np.asarray(photo(0).convert("L")).astype(np.uint16) * 16
    samples = read_samples([Image.fromarray(grey)])
    small = {"resize": {"mode": "exact", "size": [48, 56]}}
    kept = find_input(lambda image: to_tensor(floats(image.resize((56, 48), PILLOW["bilinear"])), 1 / 65535), samples)
    assert kept.spec == msgspec.convert({**PLAIN, **small}, InputSpec)
    clipped = find_input(lambda image: to_tensor(image.convert("L").resize((56, 48), PILLOW["bilinear"])), samples)
    assert clipped.spec == msgspec.convert({**PLAIN, **small, "range": [0, 255], "to_8_bits": "floor"}, InputSpec)
    assert "cuts all levels above 255 to white" in clipped.notes[0]
