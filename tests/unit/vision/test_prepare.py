"""Preparing is exactly what a straightforward reference does with Pillow or OpenCV, in less time."""

from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.errors import ImageError
from andon.vision.prepare import normalise, prepare, resized_size
from tests.support.pictures import deep_photo, photo

OPENCV = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def declared(**fields: Any) -> InputSpec:
    """Make an input declaration from plain data."""
    return msgspec.convert(fields, InputSpec)


def rounded(value: float, rounding: str) -> int:
    """Round as the words of the manifest say; Python's `round` takes a half to the even number."""
    return int(value) if rounding == "floor" else round(value)


def reference_size(width: int, height: int, resize: dict[str, Any]) -> tuple[int, int]:
    """Give the size after resizing, with the arithmetic of torchvision.transforms.Resize."""
    if resize["mode"] == "none":
        return width, height
    if resize["mode"] == "exact":
        return resize["size"][1], resize["size"][0]
    if resize["mode"] == "letterbox":
        ratio = min(resize["size"][0] / height, resize["size"][1] / width)
        ratio = ratio if resize["enlarge"] else min(ratio, 1.0)
        return max(1, rounded(width * ratio, resize["rounding"])), max(1, rounded(height * ratio, resize["rounding"]))
    short, long = sorted((width, height))
    longer = resize["size"] * long / short if resize["rounding"] == "floor" else long * (resize["size"] / short)
    longer = rounded(longer, resize["rounding"])
    return (resize["size"], longer) if width <= height else (longer, resize["size"])


def of_channels(pad: Any, image: Image.Image) -> tuple[int, ...]:
    """Give a border's level for each channel."""
    return tuple(pad) if isinstance(pad, list | tuple) else (pad,) * len(image.getbands())


def reference_crop(image: Image.Image, crop: dict[str, Any]) -> Image.Image:
    """Pad with zeros, then cut, as torchvision.transforms.functional.center_crop."""
    height, width = crop["size"]
    if image.width < width or image.height < height:
        left, top = max(0, (width - image.width) // 2), max(0, (height - image.height) // 2)
        pad = of_channels(crop.get("pad", 0), image)
        padded = Image.new(image.mode, (max(width, image.width), max(height, image.height)), pad)
        padded.paste(image, (left, top))
        image = padded
    top = rounded((image.height - height) / 2.0, crop["offset"])
    left = rounded((image.width - width) / 2.0, crop["offset"])
    return image.crop((left, top, left + width, top + height))


def reference_resize(image: Image.Image, size: tuple[int, int], resize: dict[str, Any]) -> Image.Image:
    """Resize with the library that is declared."""
    if resize.get("antialias", True):
        return image.resize(size, KERNELS[resize["interpolation"]])
    return Image.fromarray(cv2.resize(np.asarray(image), size, interpolation=OPENCV[resize["interpolation"]]))


def reference(image: Image.Image, fields: dict[str, Any]) -> np.ndarray:
    """Resize the whole image, then pad, then cut, then order the channels."""
    resize = fields["resize"]
    size = reference_size(image.width, image.height, resize)
    if resize["mode"] != "none":
        image = reference_resize(image, size, resize)
    if resize["mode"] == "letterbox":
        height, width = resize["size"]
        background = Image.new(image.mode, (width, height), of_channels(resize["pad"], image))
        middle = [rounded(spare / 2, resize["offset"]) for spare in (width - image.width, height - image.height)]
        background.paste(image, (0, 0) if resize["position"] == "top_left" else (middle[0], middle[1]))
        image = background
    if fields["crop"]:
        image = reference_crop(image, fields["crop"])
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    return pixels[:, :, ::-1] if fields["color"] == "BGR" else pixels


SIDES = st.integers(1, 600)
SMALL_SIDES = st.integers(1, 300)
KERNEL = st.sampled_from(
    [*({"interpolation": name} for name in sorted(KERNELS))]
    + [{"interpolation": name, "antialias": False} for name in sorted(OPENCV)]
)
PAD = st.integers(0, 255)
ROUNDING = st.sampled_from(["floor", "nearest"])
SIZES = st.tuples(SMALL_SIDES, SMALL_SIDES)
RESIZES = st.one_of(
    st.fixed_dictionaries(
        {"mode": st.just("shorter_side"), "size": SMALL_SIDES, "kernel": KERNEL, "rounding": ROUNDING}
    ),
    st.fixed_dictionaries({"mode": st.just("exact"), "size": SIZES, "kernel": KERNEL}),
    st.fixed_dictionaries(
        {
            "mode": st.just("letterbox"),
            "size": SIZES,
            "kernel": KERNEL,
            "rounding": ROUNDING,
            "pad": PAD,
            "enlarge": st.booleans(),
            "position": st.sampled_from(["center", "top_left"]),
            "offset": ROUNDING,
        }
    ),
    st.just({"mode": "none"}),
).map(lambda resize: {**{k: v for k, v in resize.items() if k != "kernel"}, **resize.get("kernel", {})})
CROPS = st.none() | st.fixed_dictionaries({"size": SIZES, "offset": ROUNDING, "pad": PAD})
DECLARATIONS = st.fixed_dictionaries({"color": st.sampled_from(["RGB", "BGR", "L"]), "resize": RESIZES, "crop": CROPS})
PIXELS = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)


def noise(width: int, height: int, color: str, seed: int) -> Image.Image:
    """Cut an image of noise, which shows every difference of a kernel."""
    top, left = seed % (700 - height), seed // 7 % (700 - width)
    image = Image.fromarray(PIXELS[top : top + height, left : left + width])
    return image.convert("L") if color == "L" else image


@pytest.mark.slow
@settings(max_examples=1200, deadline=None)
@given(SIDES, SIDES, DECLARATIONS, st.integers(0, 10_000))
@example(
    456, 394, {"color": "RGB", "resize": {"mode": "exact", "size": (16, 437), "interpolation": "box"}, "crop": None}, 0
)
def test_prepared_pixels_are_those_of_the_reference(width: int, height: int, fields: dict[str, Any], seed: int) -> None:
    """For any image and any declaration every pixel is equal."""
    if fields["resize"]["mode"] == "shorter_side" and max(width, height) / min(width, height) > 20:
        height = width
    image = noise(width, height, fields["color"], seed)
    prepared = prepare(image, declared(**fields))
    np.testing.assert_array_equal(prepared, reference(image, fields))
    assert prepared.dtype == np.uint8
    assert prepared.flags.c_contiguous


SHORT_CUTS = [
    # image width, height, resize to width, height, crop width, height
    (640, 480, 341, 256, 224, 224),
    (480, 640, 256, 341, 224, 224),
    (394, 456, 256, 296, 224, 224),
    (600, 600, 75, 75, 40, 33),
    (64, 48, 256, 192, 100, 100),
    (437, 437, 20, 20, 10, 10),
    (510, 510, 84, 84, 49, 49),
    (344, 690, 320, 320, 160, 160),
    (30, 690, 7, 690, 3, 11),
    (690, 697, 345, 99, 345, 50),
    (690, 697, 345, 99, 400, 50),
    (690, 697, 345, 99, 50, 120),
    (500, 699, 100, 698, 100, 1),
    # Pillow 13 resizes the rows of the whole first, those of the part, or both.
    (100, 400, 75, 100, 50, 40),
    (128, 600, 64, 75, 32, 32),
    (2, 4, 1, 128, 1, 1),
    (320, 680, 160, 512, 150, 32),
    (320, 680, 160, 340, 150, 200),
]


@pytest.mark.parametrize("kernel", sorted(KERNELS))
@pytest.mark.parametrize("offset", ["floor", "nearest"])
@pytest.mark.parametrize("sizes", SHORT_CUTS, ids=str)
def test_a_resize_within_a_crop_is_that_of_the_whole(kernel: str, offset: str, sizes: tuple[int, ...]) -> None:
    """Axes that are exact and axes that are not, tall and wide, all kernels; `box` shows the last bit of a centre."""
    width, height, to_width, to_height, crop_width, crop_height = sizes
    fields = {
        "color": "RGB",
        "resize": {"mode": "exact", "size": (to_height, to_width), "interpolation": kernel},
        "crop": {"size": (crop_height, crop_width), "offset": offset},
    }
    image = noise(width, height, "RGB", 1)
    np.testing.assert_array_equal(prepare(image, declared(**fields)), reference(image, fields))


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["box", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(1200, 1600), (1600, 1200), (1080, 1920)], ids=str)
def test_large_images_are_reduced_exactly(kernel: str, size: tuple[int, int]) -> None:
    """Tall images, whose rows are resized in bands, and wide ones."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    fields = {
        "color": "BGR",
        "resize": {"mode": "shorter_side", "size": 256, "interpolation": kernel, "rounding": "floor"},
        "crop": {"size": (224, 224), "offset": "nearest"},
    }
    np.testing.assert_array_equal(prepare(image, declared(**fields)), reference(image, fields))


@given(st.integers(1, 60_000), st.integers(1, 60_000), st.integers(1, 400), ROUNDING)
def test_the_longer_side_is_that_of_torchvision(width: int, height: int, size: int, rounding: str) -> None:
    """`int(size * long / short)` for `floor`, and the nearest for `nearest`."""
    resize = {"mode": "shorter_side", "size": size, "rounding": rounding}
    wanted = reference_size(width, height, resize)
    if max(wanted) > 65_535:
        with pytest.raises(ImageError):
            resized_size(width, height, declared(resize=resize).resize)
    else:
        assert resized_size(width, height, declared(resize=resize).resize) == wanted


def test_without_a_resize_the_size_stays() -> None:
    """Up to the longest side there may be."""
    assert resized_size(7, 65_535, declared().resize) == (7, 65_535)


def test_the_roundings_differ_and_each_moves_pixels() -> None:
    """An option that did nothing would be seen: floor and nearest of a side, and of an offset."""
    image = noise(457, 394, "RGB", 0)
    resizes = [declared(resize={"mode": "shorter_side", "size": 255, "rounding": r}) for r in ("floor", "nearest")]
    assert [prepare(image, spec).shape[1] for spec in resizes] == [295, 296]
    left, right = (declared(crop={"size": [100, 150], "offset": offset}) for offset in ("floor", "nearest"))
    assert not np.array_equal(prepare(image, left), prepare(image, right))


def test_every_kernel_is_its_own() -> None:
    """Six kernels give six images."""
    image = photo(90, 70)
    found = {
        prepare(image, declared(resize={"mode": "exact", "size": [33, 44], "interpolation": kernel})).tobytes()
        for kernel in KERNELS
    }
    assert len(found) == len(KERNELS)


@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_a_border_may_have_a_colour(color: str) -> None:
    """One level for each channel, in the order of the model input, of a letterbox and of a crop."""
    image = Image.new("RGB", (30, 10), (200, 200, 200))
    box = prepare(image, declared(color=color, resize={"mode": "letterbox", "size": [60, 60], "pad": [1, 2, 3]}))
    cut = prepare(image, declared(color=color, crop={"size": [20, 20], "pad": [1, 2, 3]}))
    for prepared in (box, cut):
        assert prepared[0, 0].tolist() == [1, 2, 3]
        assert prepared[-1, -1].tolist() == [1, 2, 3]


def test_letterbox_may_leave_small_images_as_they_are() -> None:
    """Only the border is put around one that fits; one that does not is reduced."""
    spec = declared(resize={"mode": "letterbox", "size": [60, 60], "pad": 9, "enlarge": False})
    assert (prepare(Image.new("L", (30, 10)).convert("RGB"), spec) == 0).sum() == 30 * 10 * 3
    assert (prepare(Image.new("L", (120, 60)).convert("RGB"), spec) == 0).sum() == 60 * 30 * 3


def test_letterbox_truncates_as_a_factor_does() -> None:
    """49 * (20 / 49) is a little less than 20 in floats, so pipelines that truncate it have 19 pixels."""
    box = {"mode": "letterbox", "size": [20, 20], "rounding": "floor"}
    sides = [side for side in range(1, 2000) if resized_size(side, 1, declared(resize=box).resize)[0] == 19]
    assert sides == [side for side in range(1, 2000) if side * (20 / side) < 20]
    assert sides


@pytest.mark.parametrize("kernel", sorted(OPENCV))
def test_deep_images_are_resized_by_opencv_too(kernel: str) -> None:
    """16 bits stay 16 bits."""
    levels = np.random.default_rng(0).integers(0, 65536, (40, 50), np.uint16)
    resize = {"mode": "exact", "size": [23, 31], "interpolation": kernel, "antialias": False}
    prepared = prepare(Image.fromarray(levels), declared(color="L", depth=16, resize=resize))
    np.testing.assert_array_equal(prepared[:, :, 0], cv2.resize(levels, (31, 23), interpolation=OPENCV[kernel]))


def test_letterbox_puts_the_image_in_the_middle_of_its_border() -> None:
    """A wide image has its border above and below, of the declared grey."""
    spec = declared(resize={"mode": "letterbox", "size": [100, 60], "pad": 9})
    prepared = prepare(Image.new("RGB", (30, 10), (200, 200, 200)), spec)
    assert prepared.shape == (100, 60, 3)
    assert (prepared[:40] == 9).all()
    assert (prepared[40:60] == 200).all()
    assert (prepared[60:] == 9).all()


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1)])
def test_absurd_proportions_are_refused(size: tuple[int, int]) -> None:
    """A side of 60,000 pixels times 256 is no image; nothing is resized."""
    spec = declared(resize={"mode": "shorter_side", "size": 256}, crop={"size": [224, 224]})
    with pytest.raises(ImageError) as caught:
        prepare(Image.new("L", size).convert("RGB"), spec)
    assert caught.value.code == "image.shape"
    assert f"{size[0]} x {size[1]}" in caught.value.message


def test_memory_that_is_not_there_is_an_error_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's MemoryError does not get out."""

    def refuse(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "resize", refuse)
    with pytest.raises(ImageError) as caught:
        prepare(photo(), declared(resize={"mode": "exact", "size": [5, 5]}))
    assert caught.value.code == "image.pixels"


def test_normalising_is_the_formula_of_the_manifest() -> None:
    """(pixels * scale - mean) / std for each channel, as float32 (C, H, W)."""
    pixels = np.asarray(photo())
    spec = declared(scale=1 / 127.5, mean=[1.0, 0.5, 0.25], std=[0.5, 0.25, 2.0])
    found = normalise(pixels, spec)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    for channel in range(3):
        wanted = (pixels[:, :, channel] / 127.5 - spec.mean[channel]) / spec.std[channel]
        np.testing.assert_allclose(found[channel], wanted, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_deep_images_are_resized_with_all_their_bits(kernel: str) -> None:
    """By Pillow, whose kernels know 16 bits."""
    image = Image.fromarray(deep_photo())
    found = prepare(
        image, declared(color="L", depth=16, resize={"mode": "exact", "size": [20, 30], "interpolation": kernel})
    )
    assert (found.dtype, found.shape, found.flags.writeable) == (np.uint16, (20, 30, 1), False)
    np.testing.assert_array_equal(found[..., 0], np.asarray(image.resize((30, 20), KERNELS[kernel])))


def test_deep_levels_are_clipped_to_their_range_after_the_resize() -> None:
    """As the graph would; so prepared pixels are what an author's transform shows of them."""
    spec = declared(color="L", depth=12, range=[100, 3000])
    levels = np.array([[0, 99, 100, 101], [2999, 3000, 3001, 4095]], np.uint16)
    prepared = prepare(Image.fromarray(levels), spec)
    np.testing.assert_array_equal(prepared[..., 0], levels.clip(100, 3000))
    assert normalise(prepared, spec).min() == 0
    np.testing.assert_allclose(normalise(prepared, spec).max(), 1, rtol=1e-6)


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_is_spread_over_three_channels(depth: int) -> None:
    """The same level in each, whatever the depth."""
    image = photo(mode="L") if depth == 8 else Image.fromarray(deep_photo())
    found = prepare(image, declared(color="LLL", depth=depth))
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, np.dstack([np.asarray(image)] * 3))


def test_the_border_of_a_deep_letterbox_is_the_declared_grey() -> None:
    """Grey 51 of 255 is a fifth of the way from black to white."""
    spec = declared(color="L", depth=12, range=[1000, 3000], resize={"mode": "letterbox", "size": [8, 8], "pad": 51})
    prepared = prepare(Image.fromarray(np.full((4, 8), 2000, np.uint16)), spec)
    assert prepared[0, 0, 0] == 1400
    assert prepared[4, 0, 0] == 2000
