"""Tests of the comparison of the author's transform with the declaration, and of its diagnosis."""

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from andon.build.compare import compare, recover_levels, require_agreement
from andon.build.samples import read_samples
from andon.build.transform import require_repeatable
from andon.bundle.input_spec import InputSpec
from andon.errors import MismatchError
from andon.vision.prepare import normalise
from tests.support.author import INPUT, MEAN, STD, Author, photos

SKEWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "another mean and std": ({"mean": (0.5,) * 3, "std": (0.5,) * 3}, "normalisation", "mean is [0.5, 0.5, 0.5]"),
    "no normalisation": ({"mean": (0.0,) * 3, "std": (1.0,) * 3}, "normalisation", "std [1, 1, 1]"),
    "normalised twice": ({"times_normalised": 2}, "normalisation", "applied twice"),
    "a mean one part in a thousand off": ({"mean": (0.486, 0.457, 0.407)}, "normalisation", "mean is [0.486"),
    "BGR": ({"bgr": True}, "channels", "channels are BGR"),
    "0-255 normalised": ({"divisor": 1.0}, "range", "255 times"),
    "0-255 as it is": ({"divisor": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}, "range", "times those declared"),
    "nearest": ({"kernel": Image.Resampling.NEAREST}, "interpolation", '"nearest"'),
    "bilinear": ({"kernel": Image.Resampling.BILINEAR}, "interpolation", '"bilinear"'),
    "lanczos": ({"kernel": Image.Resampling.LANCZOS}, "interpolation", '"lanczos"'),
    "crop one pixel right": ({"moved": (1, 0)}, "geometry", "1 pixels to the right"),
    "crop one pixel up": ({"moved": (0, -1)}, "geometry", "1 pixels up"),
    "crop far off": ({"moved": (4, 3)}, "geometry", "4 pixels to the right and 3 pixels down"),
    "exact for shorter side": ({"exact": True}, "geometry", '"mode":"exact"'),
    "another size": ({"size": 72}, "geometry", '"size":72'),
    "another crop": ({"crop": 60}, "geometry", "60 x 60"),
    "two faults": ({"kernel": Image.Resampling.BILINEAR, "moved": (-1, 0)}, "geometry", '"bilinear"'),
    "BGR and another mean": (
        {"bgr": True, "mean": (0.5,) * 3, "std": (0.5,) * 3},
        "channels",
        "mean is [0.5, 0.5, 0.5]",
    ),
}


def spec(**fields: Any) -> InputSpec:
    """Give the declaration with some fields replaced."""
    return msgspec.convert({**INPUT, **fields}, InputSpec)


def check(transform: Any, declared: InputSpec, images: list[Image.Image] | None = None) -> float:
    """Compare a transform with a declaration on all images."""
    samples = read_samples(images or photos())
    comparisons = (compare(sample, transform, declared) for sample in samples)
    return require_agreement(comparisons, transform, declared).worst_difference


@pytest.mark.parametrize("skew", SKEWS)
def test_a_planted_skew_is_refused_with_its_code_and_its_reason(skew: str) -> None:
    """Each fault between transform and declaration is named, and the message says what would agree."""
    fields, kind, reason = SKEWS[skew]
    with pytest.raises(MismatchError) as caught:
        check(Author(**fields), spec())
    assert caught.value.code == f"pack.mismatch.{kind}"
    assert reason in caught.value.message
    assert "stage" in caught.value.message
    assert caught.value.where.startswith("sample")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("fields", "declared"),
    [
        ({}, {}),
        ({"bgr": True, "mean": MEAN[::-1], "std": STD[::-1]}, {"color": "BGR", "mean": MEAN[::-1], "std": STD[::-1]}),
        ({"kernel": Image.Resampling.NEAREST}, {"resize": {**INPUT["resize"], "interpolation": "nearest"}}),
        ({"exact": True}, {"resize": {"mode": "exact", "size": [64, 64], "interpolation": "bicubic"}}),
        ({"divisor": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}, {"scale": 1.0, "mean": [0], "std": [1]}),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3}, {"mean": [0.5], "std": [0.5]}),
    ],
)
def test_the_right_declaration_agrees(fields: dict[str, Any], declared: dict[str, Any]) -> None:
    """What the transform does can be declared, and then nothing differs."""
    assert check(Author(**fields), spec(**declared)) < 0.01


def test_a_resize_of_uint8_tensors_agrees_within_one_grey_level() -> None:
    """Torch rounds otherwise than Pillow; one grey level is allowed."""

    def transform(image: Image.Image) -> torch.Tensor:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
        shorter = min(image.size)
        size = (64 * image.height // shorter, 64 * image.width // shorter)
        resized = torch.nn.functional.interpolate(pixels, size, mode="bicubic", antialias=True)[0]
        top, left = round((size[0] - 56) / 2), round((size[1] - 56) / 2)
        cropped = resized[:, top : top + 56, left : left + 56].float() / 255
        return (cropped - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]

    assert 0.5 < check(transform, spec()) < 1.01


def test_a_resize_without_antialias_is_called_interpolation() -> None:
    """A kernel that cannot be declared is still recognised as one."""

    def transform(image: Image.Image) -> torch.Tensor:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float()
        resized = torch.nn.functional.interpolate(pixels, (56, 56), mode="bilinear", antialias=False)[0]
        return resized / 255

    declared = spec(resize={"mode": "exact", "size": [56, 56]}, crop=None, mean=[0], std=[1])
    with pytest.raises(MismatchError) as caught:
        check(transform, declared, [image.resize((170, 130)) for image in photos()])
    assert caught.value.code == "pack.mismatch.interpolation"


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        (lambda image: Author()(image.convert("L")), "channels", "grey"),
        (lambda image: Author()(image)[:1], "channels", "1 channels"),
        (lambda image: Author()(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), "geometry", "another part"),
        (
            lambda image: (Author()(image) - Author()(image).mean()) / Author()(image).std(),
            "normalisation",
            "otherwise",
        ),
    ],
)
def test_what_cannot_be_declared_is_named_by_its_kind(change: Any, kind: str, reason: str) -> None:
    """Greying, mirroring and the image's own statistics are told apart."""
    with pytest.raises(MismatchError) as caught:
        check(change, spec())
    assert caught.value.code == f"pack.mismatch.{kind}"
    assert reason in caught.value.message


def test_a_mean_off_by_exactly_one_grey_level_is_refused() -> None:
    """Whole levels agree within the one that is allowed, and yet a mean explains them exactly."""
    with pytest.raises(MismatchError) as caught:
        check(Author(mean=tuple(value + 1 / 255 for value in MEAN)), spec())
    assert caught.value.code == "pack.mismatch.normalisation"


def test_a_rare_augmentation_is_not_taken_for_a_wrong_declaration() -> None:
    """Before the declaration is blamed, the transform is called very often."""
    calls = iter(range(1, 10_000))

    def transform(image: Image.Image) -> torch.Tensor:
        upside_down = next(calls) % 30 == 2
        return Author()(image.transpose(Image.Transpose.ROTATE_180) if upside_down else image)

    with pytest.raises(MismatchError) as caught:
        check(transform, spec())
    assert caught.value.code == "pack.mismatch.random"


def test_a_random_augmentation_is_refused_even_with_one_sample() -> None:
    """A flip of every second call is found by calling again and again."""
    with pytest.raises(MismatchError) as caught:
        require_repeatable(Author(mirrored_half_the_time=True), read_samples(photos(1)))
    assert caught.value.code == "pack.mismatch.random"


def test_without_a_transform_the_declaration_agrees_with_itself() -> None:
    """Nothing is compared where there is nothing to compare with."""
    assert check(None, spec()) == 0.0


@pytest.mark.parametrize("depth", [9, 12, 16])
def test_the_levels_of_a_deep_transform_are_recovered(depth: int) -> None:
    """Each of them, though float32 has little more digits than 16 bits need."""
    declared = InputSpec(color="L", depth=depth, range=(3, 2**depth - 2), mean=(0.45,), std=(0.22,))
    pixels = np.arange(3, 2**depth - 1, dtype=np.uint16).reshape(1, -1, 1)
    levels = recover_levels(normalise(pixels, declared), declared)
    np.testing.assert_array_equal(np.rint(levels), pixels)
