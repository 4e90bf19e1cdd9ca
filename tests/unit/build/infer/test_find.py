"""
Transforms whose preparation is found to the last field, and those that are asked about.

Each is a pipeline as it stands in a notebook; none of them is known to the search.
"""

import io
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageEnhance, ImageFilter, ImageOps

from andon.build.infer import Found, find_input
from andon.build.samples import Sample, read_samples
from andon.bundle.input_spec import InputSpec
from andon.errors import MismatchError, PackError
from tests.support.author import photo
from tests.support.transforms import (
    MEAN,
    OPENCV,
    PILLOW,
    STD,
    Transform,
    center_crop,
    interpolated,
    letterbox,
    letterbox_cv2,
    normalised,
    rgb,
    shorter_side,
    to_tensor,
)

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network for a newer version

SIZES = ((131, 97), (90, 140), (200, 150), (77, 77))
PLAIN = {"mean": MEAN, "std": STD}
BOX: dict[str, Any] = {"mode": "letterbox", "size": [80, 80]}
SHORT: dict[str, Any] = {"mode": "shorter_side", "size": 64}
EXACT: dict[str, Any] = {"mode": "exact", "size": [48, 56]}
SQUARE: dict[str, Any] = {"mode": "exact", "size": [48, 48]}
CROP: dict[str, Any] = {"size": [56, 56]}
CV: dict[str, Any] = {"antialias": False}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    """Keep torch from spinning on the cores of other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Give four images of several proportions."""
    return read_samples([photo(number, size) for number, size in enumerate(SIZES)])


def squashed(image: Image.Image, kernel: str = "bilinear") -> Image.Image:
    """Resize to 56 x 48 with Pillow."""
    return rgb(image).resize((56, 48), PILLOW[kernel])


def squashed_cv2(image: Image.Image, kernel: str = "bilinear") -> Any:
    """Resize to 56 x 48 with OpenCV."""
    return cv2.resize(np.asarray(rgb(image)), (56, 48), interpolation=OPENCV[kernel])


def usual(image: Image.Image, kernel: str = "bilinear") -> Image.Image:
    """Resize and crop as torchvision does."""
    return center_crop(shorter_side(rgb(image), 64, kernel), 56, 56)


def top_left(image: Image.Image) -> torch.Tensor:
    """Fit into the upper left corner of a black box."""
    ratio = min(80 / image.width, 80 / image.height)
    box = Image.new("RGB", (80, 80))
    box.paste(rgb(image).resize((round(image.width * ratio), round(image.height * ratio)), PILLOW["bilinear"]))
    return to_tensor(box)


def of_albumentations(make: Callable[[Any], list[Any]]) -> Transform:
    """Wrap steps of albumentations as a data set does."""
    import albumentations

    steps = albumentations.Compose(make(albumentations))
    return lambda image: torch.from_numpy(steps(image=np.asarray(rgb(image)))["image"].transpose(2, 0, 1).copy())


def caffe(image: Image.Image) -> torch.Tensor:
    """Subtract a mean in 0-255 from BGR."""
    mean = torch.tensor([103.939, 116.779, 123.68]).reshape(3, 1, 1)
    return to_tensor(np.asarray(squashed(image))[:, :, ::-1], 1.0) - mean


def scaled_by_channel(image: Image.Image) -> torch.Tensor:
    """Divide each channel by its own number."""
    return to_tensor(squashed(image), 1.0) / torch.tensor([255.0, 128.0, 64.0]).reshape(3, 1, 1)


def grey_cv2(image: Image.Image) -> torch.Tensor:
    """Make grey with OpenCV, then resize."""
    return to_tensor(cv2.resize(cv2.cvtColor(np.asarray(rgb(image)), cv2.COLOR_RGB2GRAY), (56, 48)))


TO_BE_FOUND: dict[str, tuple[Transform, dict[str, Any]]] = {
    **{
        f"torchvision-like, {kernel}": (
            lambda image, kernel=kernel: normalised(usual(image, kernel)),
            {"resize": {**SHORT, "interpolation": kernel}, "crop": CROP, **PLAIN},
        )
        for kernel in PILLOW
    },
    **{
        f"OpenCV {kernel}, BGR": (
            lambda image, kernel=kernel: to_tensor(squashed_cv2(image, kernel)[:, :, ::-1]),
            {"color": "BGR", "resize": {**EXACT, **CV, "interpolation": kernel}},
        )
        for kernel in OPENCV
    },
    **{
        f"letterbox of OpenCV, {kernel}": (
            lambda image, kernel=kernel: to_tensor(letterbox_cv2(np.asarray(rgb(image)), 80, 80, kernel=kernel)),
            {"resize": {**BOX, **CV, "interpolation": kernel}},
        )
        for kernel in OPENCV
    },
    "sides and offsets rounded otherwise": (
        lambda image: normalised(center_crop(shorter_side(rgb(image), 63, rounding="nearest"), 56, 56, "floor")),
        {
            "resize": {"mode": "shorter_side", "size": 63, "rounding": "nearest"},
            "crop": {**CROP, "offset": "floor"},
            **PLAIN,
        },
    ),
    "offset truncated": (
        lambda image: normalised(center_crop(shorter_side(rgb(image), 63), 56, 56, "floor")),
        {"resize": {"mode": "shorter_side", "size": 63}, "crop": {**CROP, "offset": "floor"}, **PLAIN},
    ),
    "crop that is not square": (
        lambda image: normalised(center_crop(shorter_side(rgb(image), 64), 40, 61)),
        {"resize": SHORT, "crop": {"size": [40, 61]}, **PLAIN},
    ),
    "letterbox of Pillow": (
        lambda image: normalised(letterbox(rgb(image), 80, 64)),
        {"resize": {"mode": "letterbox", "size": [64, 80]}, **PLAIN},
    ),
    "letterbox with truncated sides and grey 128": (
        lambda image: to_tensor(letterbox(rgb(image), 80, 80, kernel="bicubic", pad=128, truncate=True)),
        {"resize": {**BOX, "interpolation": "bicubic", "pad": 128, "rounding": "floor"}},
    ),
    "letterbox with a border in colour": (
        lambda image: normalised(letterbox(rgb(image), 80, 80, pad=(124, 116, 104))),
        {"resize": {**BOX, "pad": [124, 116, 104]}, **PLAIN},
    ),
    "letterbox in BGR with a border in colour": (
        lambda image: to_tensor(np.asarray(letterbox(rgb(image), 80, 80, pad=(1, 2, 3)))[:, :, ::-1]),
        {"color": "BGR", "resize": {**BOX, "pad": [3, 2, 1]}},
    ),
    "letterbox that does not enlarge": (
        lambda image: to_tensor(letterbox_cv2(np.asarray(rgb(image)), 80, 80, scale_up=False)),
        {"resize": {**BOX, **CV, "enlarge": False}},
    ),
    "letterbox of ImageOps.pad": (
        lambda image: to_tensor(ImageOps.pad(rgb(image), (75, 75))),
        {"resize": {"mode": "letterbox", "size": [75, 75], "interpolation": "bicubic", "pad": 0, "offset": "nearest"}},
    ),
    "letterbox in the upper left corner": (top_left, {"resize": {**BOX, "pad": 0, "position": "top_left"}}),
    "nothing but 0-1": (lambda image: to_tensor(rgb(image)), {}),
    "crop without a resize": (lambda image: to_tensor(center_crop(rgb(image), 52, 60)), {"crop": {"size": [52, 60]}}),
    "squash": (
        lambda image: normalised(squashed(image, "bicubic")),
        {"resize": {**EXACT, "interpolation": "bicubic"}, **PLAIN},
    ),
    "squash, then crop": (
        lambda image: normalised(center_crop(rgb(image).resize((64, 64), PILLOW["bicubic"]), 56, 56)),
        {"resize": {"mode": "exact", "size": [64, 64], "interpolation": "bicubic"}, "crop": CROP, **PLAIN},
    ),
    "centre crop after a border": (
        lambda image: normalised(center_crop(shorter_side(rgb(image), 48), 64, 64)),
        {"resize": {"mode": "shorter_side", "size": 48}, "crop": {"size": [64, 64]}, **PLAIN},
    ),
    "0 to 255": (lambda image: to_tensor(squashed(image), 1.0), {"resize": EXACT, "scale": 1.0}),
    "-1 to 1": (
        lambda image: to_tensor(squashed(image), 1 / 127.5) - 1,
        {"resize": EXACT, "mean": [0.5], "std": [0.5]},
    ),
    "minus 128, divided by 128": (
        lambda image: (to_tensor(squashed(image), 1.0) - 128) / 128,
        {"resize": EXACT, "scale": 1.0, "mean": [128.0], "std": [128.0]},
    ),
    "BGR minus a mean in 0-255": (
        caffe,
        {"color": "BGR", "resize": EXACT, "scale": 1.0, "mean": [103.939, 116.779, 123.68]},
    ),
    "a scale for each channel": (scaled_by_channel, {"resize": EXACT, "scale": 1.0, "std": [255.0, 128.0, 64.0]}),
    "grey in one channel": (
        lambda image: (to_tensor(image.convert("L").resize((56, 48), PILLOW["bilinear"])) - 0.5) / 0.5,
        {"color": "L", "resize": EXACT, "mean": [0.5], "std": [0.5]},
    ),
    "grey in three channels": (
        lambda image: normalised(rgb(image.convert("L")).resize((56, 48), PILLOW["bilinear"])),
        {"color": "LLL", "resize": EXACT, **PLAIN},
    ),
    "grey of OpenCV": (grey_cv2, {"color": "L", "resize": {**EXACT, **CV}}),
    "28 x 28 in grey": (
        lambda image: to_tensor(image.convert("L").resize((28, 28))),
        {"color": "L", "resize": {"mode": "exact", "size": [28, 28], "interpolation": "bicubic"}},
    ),
    "EXIF orientation applied": (
        lambda image: normalised(usual(ImageOps.exif_transpose(image))),
        {"orientation": "exif", "resize": SHORT, "crop": CROP, **PLAIN},
    ),
    "images that are taken for RGB": (
        lambda image: normalised(center_crop(shorter_side(image, 64), 56, 56)),
        {"resize": SHORT, "crop": CROP, **PLAIN},
    ),
    "tensor resized with antialias": (
        lambda image: interpolated(image, (48, 56), "bilinear", antialias=True),
        {"resize": EXACT},
    ),
    "tensor resized without antialias": (
        lambda image: interpolated(image, (48, 56), "bilinear", antialias=False),
        {"resize": {**EXACT, **CV}},
    ),
    "albumentations Resize": (
        of_albumentations(lambda a: [a.Resize(48, 56), a.Normalize()]),
        {"resize": {**EXACT, **CV}, **PLAIN},
    ),
    "albumentations Resize by area": (
        of_albumentations(lambda a: [a.Resize(48, 56, interpolation=cv2.INTER_AREA), a.Normalize(mean=0.5, std=0.5)]),
        {"resize": {**EXACT, **CV, "interpolation": "area"}, "mean": [0.5], "std": [0.5]},
    ),
    "albumentations LongestMaxSize, PadIfNeeded": (
        of_albumentations(
            lambda a: [a.LongestMaxSize(80), a.PadIfNeeded(80, 80, border_mode=0, fill=114), a.Normalize()]
        ),
        {"resize": {**BOX, **CV}, **PLAIN},
    ),
    "albumentations Normalize before PadIfNeeded": (
        of_albumentations(
            lambda a: [a.LongestMaxSize(80), a.Normalize(), a.PadIfNeeded(80, 80, border_mode=0, fill=0)]
        ),
        {"resize": {**BOX, **CV, "pad": [124, 116, 104]}, **PLAIN},
    ),
    "albumentations SmallestMaxSize, CenterCrop": (
        of_albumentations(lambda a: [a.SmallestMaxSize(64), a.CenterCrop(56, 56), a.Normalize()]),
        {"resize": {**SHORT, **CV, "rounding": "nearest"}, "crop": {**CROP, "offset": "floor"}, **PLAIN},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TO_BE_FOUND)
def test_a_preparation_is_found(name: str, samples: list[Sample]) -> None:
    """Every field of the declaration is the one that the pipeline amounts to."""
    transform, wanted = TO_BE_FOUND[name]
    found = find_input(transform, samples).spec
    assert found == msgspec.convert(msgspec.to_builtins(wanted), InputSpec)


def drawn_by_size(image: Image.Image) -> torch.Tensor:
    """Shrink large images first."""
    return to_tensor(usual(image.resize((image.width // 2, image.height // 2)) if max(image.size) > 2000 else image))


def on_white(image: Image.Image) -> torch.Tensor:
    """Lay transparent images on white."""
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255,) * 4), image)
    return to_tensor(usual(image))


def brightened_where_dark(image: Image.Image) -> torch.Tensor:
    """Brighten dark images."""
    small = usual(image)
    mean = np.asarray(small).mean()
    return to_tensor(ImageEnhance.Brightness(small).enhance(2) if 4 < mean < 40 else small)


def stretched_where_dull(image: Image.Image) -> torch.Tensor:
    """Stretch the contrast of images without colour."""
    small = usual(image)
    is_dull = np.ptp(np.asarray(small).astype(int), axis=2).mean() < 5 and 50 < np.asarray(small).mean() < 200
    return to_tensor(ImageOps.autocontrast(small) if is_dull else small)


def limited(image: Image.Image) -> torch.Tensor:
    """Bound the longer side, as torchvision's max_size does."""
    short, long = sorted(image.size)
    size = min(64, 150 * short // long)
    return to_tensor(center_crop(shorter_side(rgb(image), size), 56, 56))


def clahe(image: Image.Image) -> torch.Tensor:
    """Equalise the contrast of the brightness."""
    lab = cv2.cvtColor(np.asarray(usual(image)), cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[:, :, 0].copy())
    return to_tensor(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def by_own_values(image: Image.Image) -> torch.Tensor:
    """Normalise an image by its own mean and deviation."""
    values = to_tensor(usual(image))
    return (values - values.mean()) / (values.std() + 1e-6)


def half_up(image: Image.Image) -> torch.Tensor:
    """Round the longer side half up, where declarations round it to even."""
    short = min(image.size)
    size = [int(64 * side / short + 0.5) for side in image.size]
    return to_tensor(center_crop(rgb(image).resize((size[0], size[1]), PILLOW["bilinear"]), 56, 56))


def offset_half_up(image: Image.Image) -> torch.Tensor:
    """Begin the crop half a pixel further, where declarations round to even."""
    small = shorter_side(rgb(image), 64)
    left, top = (small.width - 55) // 2, (small.height - 55) // 2
    return to_tensor(small.crop((left, top, left + 56, top + 56)))


def truncated_exactly(image: Image.Image) -> torch.Tensor:
    """Truncate the sides of a letterbox without the error of a factor: 49 * (1 / 49) is less than 1."""
    long = max(image.size)
    fitted = rgb(image).resize((image.width * 80 // long or 1, image.height * 80 // long or 1), PILLOW["bilinear"])
    box = Image.new("RGB", (80, 80))
    box.paste(fitted, ((80 - fitted.width) // 2, (80 - fitted.height) // 2))
    return to_tensor(box)


def bordered(image: Image.Image, kind: int) -> torch.Tensor:
    """Put a border of OpenCV around what was resized."""
    return to_tensor(cv2.copyMakeBorder(np.asarray(usual(image)), 8, 8, 8, 8, kind))


def managed(image: Image.Image) -> torch.Tensor:
    """Apply a colour profile where there is one."""
    profile, srgb = image.info.get("icc_profile"), ImageCms.createProfile("sRGB")
    if profile:
        managed = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb)
        return to_tensor(usual(managed or image))
    return to_tensor(usual(image))


def by_proportion(image: Image.Image) -> torch.Tensor:
    """Truncate the longer side by the proportion of both, which loses a pixel at some sizes."""
    proportion = image.width / image.height
    size = (64, int(64 / proportion)) if proportion < 1 else (int(64 * proportion), 64)
    return to_tensor(center_crop(rgb(image).resize(size, PILLOW["bilinear"]), 56, 56))


def thumbnail(image: Image.Image) -> torch.Tensor:
    """Shrink as Pillow's thumbnail does, which rounds for the nearest proportion, and put it into a box."""
    small, box = rgb(image), Image.new("RGB", (80, 80))
    small.thumbnail((80, 80), PILLOW["bicubic"], reducing_gap=None)
    box.paste(small)
    return to_tensor(box)


TO_BE_ASKED: dict[str, tuple[Transform, str]] = {
    "each image by its own values": (by_own_values, "normalised by its own values"),
    "CLAHE": (clahe, "otherwise than by one factor and one shift"),
    "gamma": (lambda image: to_tensor(usual(image)) ** 1.2, "with a curve"),
    "a gamma of less than a grey level": (lambda image: to_tensor(usual(image)) ** 1.005, "with a curve"),
    "brightness": (lambda image: to_tensor(ImageEnhance.Brightness(usual(image)).enhance(1.1)), "one factor"),
    "contrast": (lambda image: to_tensor(ImageEnhance.Contrast(usual(image)).enhance(1.1)), "one factor"),
    "fewer levels": (lambda image: to_tensor(ImageOps.posterize(usual(image), 6)), "one factor"),
    "clipping": (lambda image: to_tensor(usual(image)).clamp(0.02, 0.98), "one factor"),
    "inverted": (lambda image: 1 - to_tensor(usual(image)), "inverts"),
    "one channel of three": (lambda image: to_tensor(np.asarray(usual(image))[:, :, 1]), "0, 100, 0 % of red"),
    "grey as the mean": (lambda image: to_tensor(np.asarray(usual(image)).mean(axis=2)), "33.33, 33.33, 33.33 %"),
    "grey with red for blue": (
        lambda image: to_tensor(cv2.cvtColor(np.asarray(usual(image)), cv2.COLOR_BGR2GRAY)),
        "11.37, 58.82, 29.8 % of red",
    ),
    "grey after the resize": (
        lambda image: to_tensor(squashed(image).convert("L")),
        'begin it with image.convert("L")',
    ),
    "another order of channels": (lambda image: to_tensor(np.asarray(usual(image))[:, :, [1, 2, 0]]), "are mixed"),
    "HSV": (lambda image: to_tensor(usual(image).convert("HSV")), "alike in a channel"),
    "mirrored sideways": (lambda image: to_tensor(ImageOps.mirror(usual(image))), "mirrors the image sideways"),
    "mirrored upside down": (lambda image: to_tensor(ImageOps.flip(usual(image))), "mirrors the image upside down"),
    "turned by 90 degrees": (lambda image: to_tensor(usual(image.rotate(90, expand=True))), "turns the image by 90"),
    "turned a little": (lambda image: to_tensor(usual(image).rotate(5)), "not come out as a rectangle"),
    "crop in a corner": (
        lambda image: to_tensor(shorter_side(rgb(image), 64).crop((0, 0, 56, 56))),
        "the crop is not in the middle",
    ),
    "crop half a pixel further": (offset_half_up, "rounds sizes otherwise"),
    "sides rounded half up": (half_up, "rounds sizes otherwise"),
    "sides of a letterbox truncated exactly": (truncated_exactly, "rounds sizes otherwise"),
    "crop before the resize": (
        lambda image: to_tensor(center_crop(rgb(image), *(min(image.size),) * 2).resize((56, 56), PILLOW["bilinear"])),
        "cannot be declared",
    ),
    "ImageOps.fit": (lambda image: to_tensor(ImageOps.fit(rgb(image), (56, 56))), "cannot be declared"),
    "two resizes": (
        lambda image: to_tensor(rgb(image).resize((96, 96), PILLOW["bilinear"]).resize((48, 48), PILLOW["bilinear"])),
        "second resize",
    ),
    "thumbnail, then resize": (
        lambda image: (small := rgb(image)).thumbnail((90, 90)) or to_tensor(usual(small)),
        "grey levels off",
    ),
    "sides truncated by the proportion": (by_proportion, "rounds sizes otherwise"),
    "colour profiles applied": (managed, "treats images differently"),
    "TIFF files in another way": (
        lambda image: to_tensor(usual(image)) * (1 if image.format != "TIFF" else 0.9),
        "treats images differently",
    ),
    "a thumbnail in a box": (thumbnail, "rounds sizes otherwise"),
    "a resize in steps": (
        lambda image: to_tensor(rgb(image).resize((56, 48), PILLOW["bicubic"], reducing_gap=2.0)),
        "differently",
    ),
    "JPEG decoded smaller": (
        lambda image: (image.draft("RGB", (80, 80)), to_tensor(usual(image)))[1],
        "treats images differently",
    ),
    "blur": (lambda image: to_tensor(usual(image).filter(ImageFilter.GaussianBlur(0.6))), "a blur"),
    "median": (lambda image: to_tensor(cv2.medianBlur(np.asarray(usual(image)), 3)), "a blur"),
    "sharpened": (lambda image: to_tensor(usual(image).filter(ImageFilter.UnsharpMask(1, 20, 0))), "a blur"),
    "equalised": (lambda image: to_tensor(ImageOps.equalize(usual(image))), "not found"),
    "contrast stretched": (lambda image: to_tensor(ImageOps.autocontrast(usual(image))), "not found"),
    "compressed again": (
        lambda image: to_tensor(cv2.imdecode(cv2.imencode(".jpg", np.asarray(usual(image)))[1], cv2.IMREAD_COLOR)),
        "not found",
    ),
    "reflected border": (lambda image: bordered(image, cv2.BORDER_REFLECT_101), "not found"),
    "repeated border": (lambda image: bordered(image, cv2.BORDER_REPLICATE), "not found"),
    "border on one side": (
        lambda image: to_tensor(cv2.copyMakeBorder(np.asarray(usual(image)), 0, 9, 0, 0, cv2.BORDER_CONSTANT)),
        "not in the middle",
    ),
    "border before the resize": (
        lambda image: to_tensor(ImageOps.pad(rgb(image), (max(image.size),) * 2).resize((56, 56), PILLOW["bilinear"])),
        "before it is resized",
    ),
    "brightness that falls off": (
        lambda image: to_tensor(usual(image)) + torch.linspace(0, 0.02, 56),
        "does not come out flat",
    ),
    "tensor resized bicubic, which is not clipped": (
        lambda image: interpolated(image, (48, 56), "bicubic", antialias=True),
        "cannot be declared",
    ),
    "corners aligned": (
        lambda image: torch.nn.functional.interpolate(
            to_tensor(rgb(image))[None], (48, 56), mode="bilinear", align_corners=True
        )[0],
        "not found",
    ),
    "the longer side bounded": (limited, "not found"),
    "large images shrunk first": (drawn_by_size, "treats images differently"),
    "small images in another way": (
        lambda image: to_tensor(usual(image) if min(image.size) > 24 else rgb(image).resize((56, 56))),
        "not found",
    ),
    "tall images turned": (
        lambda image: to_tensor(usual(image if image.width >= image.height else image.rotate(90, expand=True))),
        "turns the image",
    ),
    "wide images cut": (
        lambda image: to_tensor(usual(image if image.width < 5 * image.height else image.crop((0, 0, 50, 9)))),
        "grey levels off on this one",
    ),
    "transparent images on white": (on_white, "something else of images of mode RGBA"),
    "resized before it is converted": (
        lambda image: to_tensor(rgb(image.resize((56, 48), PILLOW["bilinear"]))),
        'begin it with image.convert("RGB")',
    ),
    "dark images brightened": (brightened_where_dark, "not found"),
    "images without colour stretched": (stretched_where_dull, "not found"),
    "PNG and JPEG in two ways": (
        lambda image: to_tensor(usual(image, "bicubic" if image.format == "JPEG" else "bilinear")),
        "treats images differently",
    ),
    "two channels": (lambda image: to_tensor(usual(image))[:2], "2 channels"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TO_BE_ASKED)
def test_what_cannot_be_declared_is_asked_about(name: str, samples: list[Sample]) -> None:
    """A step that no declaration has is refused, also where it shows on some images only; the reason says which."""
    transform, reason = TO_BE_ASKED[name]
    with pytest.raises(PackError) as caught:
        find_input(transform, samples)
    assert caught.value.code == "pack.input"
    assert reason in caught.value.message
    assert "input={...}" in caught.value.hint
    assert "prepare=" in caught.value.hint


def find(transform: Transform, images: list[Any], told: list[str] | None = None) -> Found:
    """Find the preparation for some images."""
    return find_input(transform, read_samples(images), [].append if told is None else told.append)


@pytest.mark.slow
def test_it_says_how_it_was_found_and_what_is_being_done() -> None:
    """A person sees that nothing was read but all probed, on how many images, and each step before it is done."""
    told: list[str] = []
    found = find(lambda image: normalised(usual(image)), [photo(0)], told)
    assert found.how.startswith("found by probing the transform, and the same within a grey level on ")
    assert found.notes == ()
    assert len(set(told)) > 5
    assert 60 < len(told) < 140


@pytest.mark.slow
def test_images_that_the_transform_does_not_take_are_told() -> None:
    """A transform that takes RGB for granted fails on other modes, which a service converts; the author learns it."""
    found = find(lambda image: normalised(center_crop(shorter_side(image, 64), 56, 56)), [photo(0)])
    assert found.notes == (
        "the transform is not made for images of the modes L, RGBA, P, 1, LA, CMYK; a service makes them RGB first",
    )


@pytest.mark.slow
def test_a_transform_that_does_not_look_at_the_mode_is_found() -> None:
    """Palette indices and inks that are taken for colours are noted; nobody means them."""

    def blind(image: Image.Image) -> torch.Tensor:
        pixels = np.asarray(image)
        pixels = np.stack([pixels] * 3, axis=2) if pixels.ndim == 2 else pixels
        return to_tensor(cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), (56, 48)))

    found = find(blind, [photo(0)])
    assert found.spec == msgspec.convert({"color": "BGR", "resize": {**EXACT, **CV}}, InputSpec)
    assert found.notes[0].startswith("the transform is not made for images of the modes P, 1, LA, CMYK;")


@pytest.mark.slow
def test_a_transform_that_reads_the_file_again_is_asked_about(tmp_path: Path) -> None:
    """It takes no image that has no file."""
    photo(0).save(tmp_path / "part.png")

    def again(image: Image.Image) -> torch.Tensor:
        return to_tensor(cv2.imread(image.filename)[:, :, ::-1])  # type: ignore[attr-defined] # of a file

    with pytest.raises(PackError) as caught:
        find(again, [tmp_path / "part.png"])
    assert caught.value.code == "pack.input"
    assert "does not take images that are made here" in caught.value.message


@pytest.mark.slow
def test_fractions_of_grey_levels_and_opencv_are_told() -> None:
    """What was found is near, not the same, and a service needs a library more."""
    near, needs = find(lambda image: interpolated(image, (48, 56), "bilinear", antialias=False), [photo(0)]).notes
    assert "grey levels off" in near
    assert 'pip install "andon[opencv]"' in needs


@pytest.mark.slow
def test_grey_samples_of_a_transform_for_grey_are_enough() -> None:
    """A transform that fails on colour is probed in grey."""

    def grey_only(image: Image.Image) -> torch.Tensor:
        pixels = np.asarray(image.resize((56, 48), PILLOW["bilinear"]))
        assert pixels.ndim == 2
        return to_tensor(pixels)

    found = find(grey_only, [photo(0).convert("L")])
    assert found.spec == msgspec.convert({"color": "L", "resize": EXACT}, InputSpec)
    assert "RGB" in found.notes[0]


@pytest.mark.slow
def test_a_transform_that_takes_one_size_only_is_not_resized() -> None:
    """Where no other size is taken, the declaration keeps the pixels, and the author learns it."""

    def strict(image: Image.Image) -> torch.Tensor:
        assert image.size == (131, 97)
        return to_tensor(rgb(image))

    found = find(strict, [photo(0)])
    assert found.spec == InputSpec()
    assert any("does not take images of other sizes" in note for note in found.notes)


def test_a_transform_that_takes_one_size_and_resizes_is_asked_about() -> None:
    """One size does not tell a squash from a crop."""

    def strict(image: Image.Image) -> torch.Tensor:
        assert image.size == (131, 97)
        return to_tensor(squashed(image))

    with pytest.raises(PackError, match="not found"):
        find(strict, [photo(0)])


@pytest.mark.slow
def test_a_sample_that_is_treated_otherwise_is_named(tmp_path: Path) -> None:
    """Every sample is compared, and the one that differs is said."""
    photo(0).save(tmp_path / "usual.png")
    photo(1).save(tmp_path / "special.png")

    def by_name(image: Image.Image) -> torch.Tensor:
        is_special = "special" in str(getattr(image, "filename", ""))
        return to_tensor(usual(image, "bicubic" if is_special else "bilinear"))

    with pytest.raises(PackError) as caught:
        find(by_name, [tmp_path / "usual.png", tmp_path / "special.png"])
    assert caught.value.where.endswith("special.png")
    assert '"mode":"shorter_side","size":64' in caught.value.message


def test_chance_is_refused_before_all_else() -> None:
    """A transform of training is no preparation."""
    calls = itertools.count()

    def drawn(image: Image.Image) -> torch.Tensor:
        small = usual(image)
        return to_tensor(small if next(calls) % 2 else ImageOps.mirror(small))

    with pytest.raises(MismatchError) as caught:
        find(drawn, [photo(0)])
    assert caught.value.code == "pack.mismatch.random"


def test_a_transform_that_fails_is_reported_as_it_is() -> None:
    """The author's own error on his own sample is not a matter of the declaration."""

    def broken(image: Image.Image) -> torch.Tensor:
        raise RuntimeError("no such layer")

    with pytest.raises(PackError) as caught:
        find(broken, [photo(0)])
    assert caught.value.code == "pack.transform"


@pytest.mark.slow
def test_the_steps_of_a_known_library_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer questions are asked, and `how` says so; what was read wrongly is probed as if nothing had been read."""
    monkeypatch.setattr(AsRead, "__module__", "torchvision.transforms")
    read = find(AsRead(size=64), [photo(0)])
    assert read.how.startswith("read off the steps of the torchvision transform")
    wrongly_read = find(AsRead(size=63), [photo(0)])
    assert wrongly_read.how.startswith("found by probing")
    assert read.spec == wrongly_read.spec


class AsRead:
    """A preset that says a size and does 64."""

    def __init__(self, *, size: int) -> None:
        self.resize_size, self.crop_size = [size], [56]
        self.interpolation, self.antialias = "bilinear", True

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Prepare an image."""
        return normalised(usual(image))


AsRead.__name__ = "ImageClassification"
