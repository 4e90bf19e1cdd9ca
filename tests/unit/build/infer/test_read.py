"""Tests of reading the steps of transforms, by names and attributes; tests/peers runs the real libraries."""

from typing import Any

import msgspec
import pytest

from andon.build.infer.read import read_steps
from andon.bundle.input_spec import InputSpec


def step(name: str, library: str = "torchvision.transforms.transforms", **attributes: Any) -> Any:
    """Make an object that looks like a step of a library."""
    kind = type(name, (), {"__module__": library})
    found = kind()
    vars(found).update(attributes)
    return found


class Mode:
    """Looks like an interpolation mode."""

    def __init__(self, value: str) -> None:
        self.value = value


def compose(*steps: Any) -> Any:
    """Make a Compose of steps."""
    return step("Compose", transforms=list(steps))


RESIZE = step("Resize", size=64, interpolation=Mode("bicubic"), max_size=None, antialias=True)
CROP = step("CenterCrop", size=(56, 48))
TENSOR = step("ToTensor")
NORMALIZE = step("Normalize", mean=[0.5], std=[0.5])
SHORT = {"mode": "shorter_side", "size": 64, "interpolation": "bicubic"}


@pytest.mark.parametrize(
    ("transform", "wanted"),
    [
        (compose(RESIZE, CROP, TENSOR, NORMALIZE), {"resize": SHORT, "crop": {"size": [56, 48]}}),
        (compose(compose(RESIZE), compose(CROP, TENSOR)), {"resize": SHORT, "crop": {"size": [56, 48]}}),
        (compose(TENSOR), {}),
        (compose(CROP, TENSOR), {"crop": {"size": [56, 48]}}),
        (
            compose(step("Resize", size=[48, 56], interpolation=Mode("nearest-exact"))),
            {"resize": {"mode": "exact", "size": [48, 56], "interpolation": "nearest"}},
        ),
        (
            compose(TENSOR, step("Resize", size=[64], interpolation=Mode("bilinear"), antialias=False)),
            {"resize": {"mode": "shorter_side", "size": 64, "antialias": False}},
        ),
        (
            compose(step("Resize", size=[64], interpolation=Mode("bilinear"), antialias=False), TENSOR),
            {"resize": {"mode": "shorter_side", "size": 64}},
        ),
        (
            step(
                "ImageClassification",
                "torchvision.transforms._presets",
                crop_size=[224],
                resize_size=[256],
                interpolation=Mode("bilinear"),
                antialias=True,
            ),
            {"resize": {"mode": "shorter_side", "size": 256}, "crop": {"size": [224, 224]}},
        ),
        (
            compose(
                step(
                    "ResizeKeepRatio",
                    "timm.data.transforms",
                    size=(64, 64),
                    interpolation=Mode("bicubic"),
                    longest=1.0,
                    random_scale_prob=0.0,
                    random_aspect_prob=0.0,
                ),
                step("CenterCropOrPad", "timm.data.transforms", size=(56, 56), fill=[124, 116, 104]),
                step("MaybeToTensor", "timm.data.transforms"),
            ),
            {
                "resize": {"mode": "letterbox", "size": [64, 64], "interpolation": "bicubic", "pad": [124, 116, 104]},
                "crop": {"size": [56, 56], "pad": [124, 116, 104]},
            },
        ),
    ],
)
def test_resize_and_crop_are_read(transform: Any, wanted: dict[str, Any]) -> None:
    """Of torchvision's first and second transforms, its presets, and timm's; antialias is a matter of tensors."""
    read = read_steps(transform)
    spec = msgspec.convert(wanted, InputSpec)
    assert read is not None
    assert (read.resize, read.crop) == read.layout == (spec.resize, spec.crop)


@pytest.mark.parametrize(
    "transform",
    [
        lambda image: image,
        compose(),
        compose(RESIZE, step("Lambda"), TENSOR),
        compose(RESIZE, step("OwnStep", "mine.steps"), TENSOR),
        compose(RESIZE, RESIZE),
        compose(CROP, RESIZE),
        compose(CROP, CROP),
        compose(step("Resize", size=64, interpolation=Mode("bilinear"), max_size=99)),
        compose(step("Resize", size=64, interpolation=Mode("cubist"))),
        compose(step("Resize", size=0, interpolation=Mode("bilinear"))),
        compose(step("Resize", size=[1, 2, 3], interpolation=Mode("bilinear"))),
        compose(step("Resize")),
        compose(step("Pad", padding=3)),
        compose(
            step(
                "ResizeKeepRatio",
                "timm.data.transforms",
                size=(64, 64),
                interpolation="bilinear",
                longest=0.0,
                random_scale_prob=0.0,
                random_aspect_prob=0.0,
            )
        ),
    ],
)
def test_what_is_not_known_is_not_read(transform: Any) -> None:
    """A foreign step, an unusual order, a value that no declaration has: it is left to the probing."""
    assert read_steps(transform) is None


def test_whose_steps_they_are_is_said() -> None:
    """Timm builds on torchvision."""
    both = compose(RESIZE, step("MaybeToTensor", "timm.data.transforms"))
    assert read_steps(both).what == "the steps of the timm transform"  # type: ignore[union-attr] # it is read
    assert read_steps(compose(RESIZE)).what == "the steps of the torchvision transform"  # type: ignore[union-attr] # it is read
