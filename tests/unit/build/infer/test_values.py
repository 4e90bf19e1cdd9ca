"""Tests of what is read from flat colours."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from andon.build.infer.made import Studio
from andon.build.infer.oracle import Oracle, silent
from andon.build.infer.values import ValueMap, digits, find_values, normalisation
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from tests.support.transforms import MEAN, STD, Transform, normalised, rgb, to_tensor

SIZE = (9, 7)


def found(transform: Transform, *, channels: int = 3, grey: bool = False) -> ValueMap:
    """Find what a transform makes of colours."""
    return find_values(Oracle(transform, silent), Studio(grey=grey, side=9), SIZE, channels)


@pytest.mark.parametrize(
    ("scale", "mean", "std", "said"),
    [
        (1 / 255, MEAN, STD, (1 / 255, MEAN, STD)),
        (1 / 255, (0.5,), (0.5,), (1 / 255, (0.5,), (0.5,))),
        (1.0, (0.0,), (1.0,), (1.0, (0.0,), (1.0,))),
        (1.0, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375), (1 / 255, MEAN, STD)),
        (1.0, (103.939, 116.779, 123.68), (1.0,), (1.0, (103.939, 116.779, 123.68), (1.0,))),
        (1 / 255, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711), None),
    ],
)
def test_mean_and_std_are_the_numbers_that_were_typed(scale: float, mean: Any, std: Any, said: Any) -> None:
    """Whatever float32 made of them; in the scale in which they are the shortest."""
    spec = found(
        lambda image: (
            (to_tensor(rgb(image), scale) - torch.tensor(mean).reshape(-1, 1, 1)) / torch.tensor(std).reshape(-1, 1, 1)
        )
    ).spec
    wanted = said or (scale, mean, std)
    assert spec.scale == wanted[0]
    assert spec.mean == pytest.approx(wanted[1], abs=2e-6)
    assert spec.std == pytest.approx(wanted[2], rel=4e-6)
    assert said is None or (spec.mean, spec.std) == wanted[1:]


@pytest.mark.parametrize(
    ("color", "pixels"),
    [
        ("RGB", lambda image: np.asarray(rgb(image))),
        ("BGR", lambda image: np.asarray(rgb(image))[:, :, ::-1]),
        ("LLL", lambda image: np.asarray(rgb(image.convert("L")))),
    ],
)
def test_the_order_of_channels_is_found(color: str, pixels: Any) -> None:
    """Pure red, green and blue tell it, mixed colours confirm it."""
    assert found(lambda image: to_tensor(pixels(image))).spec.color == color


def test_the_map_brings_values_back_to_grey_levels() -> None:
    """A model input in, the pixels out."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8))
    levels = found(lambda image: normalised(rgb(image))).levels(normalised(rgb(image)).numpy())
    np.testing.assert_allclose(levels, np.asarray(image).transpose(2, 0, 1), atol=1e-3)


def test_grey_images_tell_no_order() -> None:
    """Where only grey is taken, one channel is L and three are LLL."""
    assert found(to_tensor, channels=1, grey=True).spec.color == "L"
    three = found(lambda image: to_tensor(np.stack([np.asarray(image)] * 3, 2)), grey=True)
    assert three.spec.color == "LLL"


@pytest.mark.parametrize(
    ("transform", "reason"),
    [
        (lambda image: to_tensor(rgb(image)) * 0, "alike in a channel"),
        (lambda image: 1 - to_tensor(rgb(image)), "inverts"),
        (lambda image: to_tensor(rgb(image)) ** 2, r"\(1, 1, 1\) comes out as the grey levels"),
        (lambda image: to_tensor(rgb(image)).flip(0) * 0.5 + to_tensor(rgb(image)) * 0.5, "are mixed"),
        (lambda image: to_tensor(rgb(image)).clamp(0.2, 1), "expected 1, 1, 1"),
        (lambda image: to_tensor(image.convert("L")), "several sizes, or with other channels"),
    ],
)
def test_other_values_are_refused(transform: Transform, reason: str) -> None:
    """A constant, a curve, a mixture, and what is not what the samples were."""
    with pytest.raises(PackError, match=reason):
        found(transform)


def test_few_digits_win() -> None:
    """Numbers that were typed have few digits; an unusual scale must save some."""
    spec = normalisation(InputSpec(), np.full(3, 1 / 255 / 0.25), np.full(3, -2.0))
    assert (spec.scale, spec.mean, spec.std) == (1 / 255, (0.5,), (0.25,))
    assert digits(spec) == len("5") + len("25")
