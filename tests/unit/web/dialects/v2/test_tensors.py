"""The contents of a tensor become images, as JSON and as bytes."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.tensors import UInt8Array
from andon.web.dialects.v2.documents import Tensor
from andon.web.dialects.v2.tensors import read_images

NOTHING = memoryview(b"")
Sides = tuple[int, ...]


def in_json(data: Any, shape: Sides, datatype: str = "UINT8") -> Tensor:
    """Make a tensor with its contents as JSON."""
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Tensor(datatype=datatype, shape=shape, data=text, binary_bytes=None)


def in_binary(size: int | None, shape: Sides, datatype: str = "UINT8") -> Tensor:
    """Make a tensor with its contents behind the JSON."""
    return Tensor(datatype=datatype, shape=shape, data=None, binary_bytes=size)


def refusal(tensor: Tensor, binary: bytes = b"", limits: Limits = DEFAULT_LIMITS) -> RequestError:
    """Read a tensor that must be refused."""
    with pytest.raises(RequestError) as caught:
        read_images(tensor, memoryview(binary), limits)
    assert len(caught.value.message) < 300
    return caught.value


def ramp(*shape: int) -> UInt8Array:
    """Make pixels that differ."""
    return np.arange(np.prod(shape), dtype=np.uint32).astype(np.uint8).reshape(shape)


def test_pixels_behind_the_json_are_not_copied() -> None:
    """Each image is a view of the body."""
    pixels = ramp(2, 4, 3, 3)
    body = b"{}" + pixels.tobytes()
    images = read_images(in_binary(pixels.size, pixels.shape), memoryview(body)[2:], DEFAULT_LIMITS)
    assert len(images) == 2
    for found, wanted in zip(images, pixels, strict=True):
        assert isinstance(found, np.ndarray)
        assert np.array_equal(found, wanted)
        assert np.shares_memory(found, np.frombuffer(body, np.uint8))


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 3, 4, 3), (3, 2, 2, 1), (1, 1, 1, 1)])
def test_pixels_in_json_are_nested_as_the_shape_or_flat(shape: Sides, is_nested: bool) -> None:  # noqa: FBT001 -- a table
    """Both give the same images, grey ones without the axis of channels."""
    pixels = ramp(*shape)
    data = pixels.tolist() if is_nested else pixels.ravel().tolist()
    for text in (json.dumps(data), json.dumps(data, indent=1), json.dumps(data, separators=(",", ":"))):
        images = read_images(in_json(text.encode(), shape), NOTHING, DEFAULT_LIMITS)
        assert np.array_equal(np.array(images), pixels[..., 0] if shape[3] == 1 else pixels)


def test_grey_pixels_are_images_of_two_axes() -> None:
    """As `Model.predict` takes them."""
    (image,) = read_images(in_binary(6, (1, 2, 3, 1)), memoryview(b"abcdef"), DEFAULT_LIMITS)
    assert isinstance(image, np.ndarray)
    assert image.tobytes() == b"abcdef"
    assert image.shape == (2, 3)


@pytest.mark.parametrize(
    "data",
    [
        ramp(1, 2, 6).tolist(),
        ramp(1, 2, 3, 2).tolist(),
        ramp(2, 2, 3).tolist(),
        [[[[0] * 4, [0] * 2], [[0] * 3, [0] * 3]]],
        [ramp(1, 2, 2, 3).tolist()],
        [*range(11), [11]],
    ],
)
def test_another_nesting_is_refused(data: Any) -> None:
    """Though the number of values is right."""
    assert "nested otherwise" in refusal(in_json(data, (1, 2, 2, 3))).message


@pytest.mark.parametrize("value", [256, -1, 1.0, 1.5, 1e2, "1", True, None, {}, {"a": 1}])
def test_values_that_are_no_pixels_are_refused_in_their_place(value: Any) -> None:
    """The place is counted through all numbers."""
    flat = [0, 0, 0, 0, value, 0]
    assert "0-255 in place 4" in refusal(in_json(flat, (1, 1, 2, 3))).message
    assert "0-255 in place 4" in refusal(in_json([[[[0, 0, 0], [0, value, 0]]]], (1, 1, 2, 3))).message


@pytest.mark.parametrize(
    "data", [b"[[],[],[1,2,3]]", b"[1,2,3,[]]", b"[[],1,2,3]", b'["[", 1, 2]', b"123", b"1", b"-0"]
)
def test_lists_with_gaps_are_refused(data: bytes) -> None:
    """Empty lists, brackets in strings, and what is no list."""
    assert refusal(in_json(data, (1, 1, 1, 3))).code == "request.tensor"
    assert refusal(in_json(data, (1, 1, 1, 1))).code == "request.tensor"


@pytest.mark.parametrize("count", [0, 1, 11, 13, 24])
def test_the_number_of_values_is_that_of_the_shape(count: int) -> None:
    """Fewer and more are refused, in JSON and in binary."""
    assert "is of 12 values" in refusal(in_json([7] * count, (1, 2, 2, 3))).message
    assert "is of 12 values" in refusal(in_binary(count, (1, 2, 2, 3)), b"x" * count).message


def test_pixels_in_json_are_bounded() -> None:
    """Numbers take several times as much in memory as they do in JSON."""
    text = json.dumps([100] * 12).encode()
    assert read_images(in_json(text, (1, 2, 2, 3)), NOTHING, Limits(max_json_bytes=len(text)))
    error = refusal(in_json(text, (1, 2, 2, 3)), limits=Limits(max_json_bytes=len(text) - 1))
    assert error.code == "request.bytes"
    assert "binary" in error.hint


@pytest.mark.parametrize(
    "shape", [(), (4,), (4, 3), (2, 2, 3), (1, 2, 2, 2), (1, 2, 2, 4), (1, 3, 2, 2), (1, 2, 2, 3, 1), (1,) * 9000]
)
def test_shapes_that_are_no_images_are_refused(shape: Sides) -> None:
    """The message names the shape, cut, and what it should be."""
    error = refusal(in_binary(12, shape), b"x" * 12)
    assert error.code == "request.tensor"
    assert "[N, height, width, 3]" in error.message


@pytest.mark.parametrize("shape", [(1, 0, 2, 3), (2, 2, 0, 3), (1, 0, 2**62, 1)])
def test_images_without_pixels_are_refused(shape: Sides) -> None:
    """Before anything is made of the shape."""
    assert "images with pixels" in refusal(in_binary(0, shape)).message
    assert "images with pixels" in refusal(in_json([], shape)).message


@pytest.mark.parametrize("datatype", ["FP32", "INT8", "STRING", "bytes", "", "\x1b[2J" * 100])
def test_other_datatypes_are_refused(datatype: str) -> None:
    """The message names the two that are taken."""
    error = refusal(in_binary(12, (1, 2, 2, 3), datatype), b"x" * 12)
    assert "expected BYTES, UINT8 or UINT16" in error.message
    assert error.message.isprintable()


@pytest.mark.parametrize(("shape", "datatype"), [((0,), "BYTES"), ((0, 4, 4, 3), "UINT8"), ((0, 0, 0, 1), "UINT8")])
def test_no_image_is_refused(shape: Sides, datatype: str) -> None:
    """A batch of none has no answer."""
    assert refusal(in_binary(0, shape, datatype)).code == "request.file"


@pytest.mark.parametrize(("shape", "datatype"), [((3,), "BYTES"), ((3, 1, 1, 1), "UINT8"), ((2**62,), "BYTES")])
def test_too_many_images_are_refused(shape: Sides, datatype: str) -> None:
    """By the shape alone."""
    assert refusal(in_binary(3, shape, datatype), b"abc", Limits(max_images=2)).code == "request.images"


def test_files_in_json_are_base64() -> None:
    """JSON strings cannot hold raw bytes; an escaped slash is a slash."""
    text = b' [ "QUJD" ,"", "\\/+8=" ] '
    assert read_images(in_json(text, (3,), "BYTES"), NOTHING, DEFAULT_LIMITS) == [b"ABC", b"", b"\xff\xef"]


@pytest.mark.parametrize(
    "data",
    [
        ["QUI"],
        ["QU=D"],
        ["QU JD"],
        ["QUJD\n"],
        ["QU-_"],
        ["data:image/png;base64,QUJD"],
        ["日本"],
        [["QUJD"]],
        ["QUJD", "QUJD"],
        [b"QUJD".decode(), 1],
        [1],
        [],
        "QUJD",
        {"QUJD": 1},
        {},
        ['""'],
        ['"'],
        b'["\xff\xff\xff\xff"]',
        b'["\\ud800AAAA"]',
    ],
)
def test_what_is_not_base64_is_refused(data: Any) -> None:
    """Nothing is guessed; the hint says what is expected."""
    error = refusal(in_json(data, (1,), "BYTES"))
    assert error.code == "request.tensor"
    assert "base64" in error.hint


@pytest.mark.parametrize("shape", [(), (1, 1), (1, 2, 2, 3)])
def test_files_are_a_list(shape: Sides) -> None:
    """One axis, an element an image."""
    assert "[N], one element an image" in refusal(in_json(["QUJD"], shape, "BYTES")).message


def test_contents_are_sent_in_one_of_two_ways() -> None:
    """Neither, both, and another number of bytes than the body has are refused."""
    both = Tensor(datatype="BYTES", shape=(1,), data=b'["QUJD"]', binary_bytes=0)
    assert "neither" in refusal(both).message
    assert "neither" in refusal(in_binary(None, (1,), "BYTES")).message
    for size in (0, 6, 8, 2**62):
        assert f"{size} bytes behind" in refusal(in_binary(size, (1,), "BYTES"), b"\3\0\0\0ABC").message
    assert "0 bytes behind" in refusal(in_json(["QUJD"], (1,), "BYTES"), b"x").message


def test_files_behind_the_json_are_elements() -> None:
    """Each with its length."""
    body = memoryview(b"\3\0\0\0ABC\0\0\0\0")
    assert read_images(in_binary(11, (2,), "BYTES"), body, DEFAULT_LIMITS) == [b"ABC", b""]


_sides = st.lists(st.integers(0, 3) | st.integers(0, 2**63 - 1), max_size=5).map(tuple)
_data = st.none() | st.binary(max_size=30) | st.text('[],0123 "-.e', max_size=30).map(str.encode)


@settings(deadline=None)
@given(
    st.sampled_from(["BYTES", "UINT8", "FP32"]), _sides, _data, st.none() | st.integers(0, 40), st.binary(max_size=40)
)
def test_any_tensor_gives_its_images_or_is_refused(
    datatype: str, shape: Sides, data: bytes | None, size: int | None, binary: bytes
) -> None:
    """Nothing else is raised, and there are as many images as the shape says."""
    tensor = Tensor(datatype=datatype, shape=shape, data=data, binary_bytes=size)
    try:
        images = read_images(tensor, memoryview(binary), DEFAULT_LIMITS)
    except RequestError:
        return
    assert len(images) == shape[0]


LEVELS = np.array([0, 255, 256, 4095, 40_000, 65_535], np.uint16)


@pytest.mark.parametrize("is_binary", [False, True])
def test_pixels_of_more_than_8_bits_are_grey_images(is_binary: bool) -> None:  # noqa: FBT001 -- a table
    """Behind the JSON the lowest byte comes first; either way all bits arrive."""
    shape = (1, 2, 3, 1)
    tensor = in_binary(12, shape, "UINT16") if is_binary else in_json(LEVELS.tolist(), shape, "UINT16")
    (image,) = read_images(tensor, memoryview(LEVELS.astype("<u2").tobytes() if is_binary else b""), DEFAULT_LIMITS)
    assert np.array_equal(np.asarray(image), LEVELS.reshape(2, 3))


@pytest.mark.parametrize(
    ("tensor", "binary", "words"),
    [
        (in_binary(36, (1, 2, 3, 3), "UINT16"), bytes(36), "expected for UINT16 [N, height, width, 1] of grey"),
        (in_binary(6, (1, 2, 3, 1), "UINT16"), bytes(6), "of 6 values, the binary tensor has 6 bytes"),
        (in_json([0, 65_536], (1, 1, 2, 1), "UINT16"), b"", "a whole number 0-65535 in place 1"),
        (in_json([0, 256], (1, 1, 2, 1), "UINT8"), b"", "a whole number 0-255 in place 1"),
    ],
    ids=["colour", "bytes of 8 bits", "17 bits", "9 bits in 8"],
)
def test_deep_pixels_that_fit_nothing_are_refused(tensor: Tensor, binary: bytes, words: str) -> None:
    """By shape, by number of bytes, by their levels."""
    assert words in refusal(tensor, binary).message
