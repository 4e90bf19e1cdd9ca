"""The contents of the input tensor become images, whichever way they were sent."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from andon.errors import RequestError
from andon.settings.limits import Limits
from andon.tensors import PixelArray
from andon.web.dialects.bodies import require_images
from andon.web.dialects.v2.documents import Tensor
from andon.web.dialects.v2.face import IMAGE
from andon.web.dialects.v2.framing import HEADER, split_elements

_NUMBERS: dict[str, Any] = {
    "UINT8": list[Annotated[int, Meta(ge=0, le=255)]],
    "UINT16": list[Annotated[int, Meta(ge=0, le=65535)]],
}
"""What pixels in JSON may be."""
_DTYPES: dict[str, np.dtype[np.uint8] | np.dtype[np.uint16]] = {"UINT8": np.dtype("u1"), "UINT16": np.dtype("<u2")}
"""What pixels behind the JSON are; the protocol puts the lowest byte first."""
_BASE64_HINT = "in JSON an image is the base64 of its file, without line breaks and without data:"


def read_images(tensor: Tensor, binary: memoryview, limits: Limits) -> Sequence[bytes | PixelArray]:
    """
    Find the images of a request.

    Args:
        tensor: Its input: BYTES (N) of encoded images, in JSON as base64; or UINT8 (N, H, W, 3) in RGB
            order or (N, H, W, 1), or UINT16 (N, H, W, 1), in JSON as nested lists or as one flat list.
        binary: What stands behind the JSON.
        limits: `max_images`, and of pixels in JSON `max_json_bytes`, are applied.

    Returns:
        Encoded images; or pixels, uint8 (H, W, 3) or (H, W) or uint16 (H, W), which are views of
        `binary` where they were sent there.

    Raises:
        RequestError: `request.tensor`: contents and shape do not fit each other, or this input;
            `request.file`, `request.images` or `request.bytes`.
    """
    _require_shape(tensor)
    require_images(tensor.shape[0], limits)
    contents = _contents(tensor, binary)
    if tensor.datatype == "BYTES":
        if isinstance(contents, memoryview):
            return split_elements(contents, tensor.shape[0])
        return _decode_base64(contents, tensor.shape[0])
    _require_pixel_count(tensor, contents, limits)
    pixels = (
        np.frombuffer(contents, _DTYPES[tensor.datatype])
        if isinstance(contents, memoryview)
        else _numbers(contents, tensor)
    ).reshape(tensor.shape)
    return list(pixels[..., 0] if tensor.shape[3] == 1 else pixels)


def _require_shape(tensor: Tensor) -> None:
    shape = tensor.shape
    if tensor.datatype == "BYTES":
        if len(shape) != 1:
            raise _wrong_shape(tensor, "[N], one element an image")
    elif tensor.datatype not in _DTYPES:
        raise RequestError(
            f"the input `{IMAGE}` is sent as {tensor.datatype[:40]!r}, expected BYTES, UINT8 or UINT16",
            code="request.tensor",
            hint="send the files as BYTES, or the pixels before scaling as UINT8, with more than 8 bits as UINT16",
        )
    elif tensor.datatype == "UINT16" and (len(shape) != 4 or shape[3] != 1):
        raise _wrong_shape(tensor, "[N, height, width, 1] of grey")
    elif len(shape) != 4 or shape[3] not in (1, 3):
        raise _wrong_shape(tensor, "[N, height, width, 3] in RGB order, or [N, height, width, 1] of grey")
    elif shape[0] and not math.prod(shape):
        raise _wrong_shape(tensor, "images with pixels")


def _wrong_shape(tensor: Tensor, expected: str) -> RequestError:
    shown = ", ".join(str(side) for side in tensor.shape[:6]) + ", ..." * (len(tensor.shape) > 6)
    return RequestError(
        f"the input `{IMAGE}` has the shape [{shown}], expected for {tensor.datatype} {expected}", code="request.tensor"
    )


def _contents(tensor: Tensor, binary: memoryview) -> bytes | memoryview:
    """Give the JSON text of the contents, or their bytes behind the JSON: one of the two is there, and whole."""
    if (tensor.data is None) == (tensor.binary_bytes is None):
        raise RequestError(
            f"the input `{IMAGE}` has neither `data` nor `binary_data_size`, or both",
            code="request.tensor",
            hint="its contents stand in the JSON, or behind it",
        )
    if (tensor.binary_bytes or 0) != len(binary):
        raise RequestError(
            f"the input `{IMAGE}` has {tensor.binary_bytes or 0} bytes behind the JSON, the body {len(binary)}",
            code="request.tensor",
            hint=f"the header {HEADER} says where the JSON ends",
        )
    return binary if tensor.data is None else tensor.data


def _decode_base64(text: bytes, count: int) -> list[bytes]:
    # Base64 has no quotes, so each string has two: what would be a list of very many is refused before it is made.
    if text.count(b'"') != 2 * count:
        raise RequestError(f"`data` is not a list of {count} strings", code="request.tensor", hint=_BASE64_HINT)
    try:
        return msgspec.json.decode(text, type=list[bytes])
    except (msgspec.DecodeError, RecursionError):
        raise RequestError("`data` is not a list of base64", code="request.tensor", hint=_BASE64_HINT) from None


def _require_pixel_count(tensor: Tensor, contents: bytes | memoryview, limits: Limits) -> None:
    """Compare before anything is made of the shape: it may be anything."""
    count = math.prod(tensor.shape)
    if isinstance(contents, memoryview):
        if count * _DTYPES[tensor.datatype].itemsize != len(contents):
            raise _misfit(tensor, f"the binary tensor has {len(contents)} bytes")
    elif len(contents) > limits.max_json_bytes:
        raise RequestError(
            f"the pixels are {len(contents)} bytes of JSON, at most {limits.max_json_bytes} are allowed",
            code="request.bytes",
            hint="send them as binary tensor, or the files as BYTES",
        )
    elif count > len(contents):
        raise _misfit(tensor, f"`data` has fewer, in {len(contents)} bytes of JSON")


def _numbers(text: bytes, tensor: Tensor) -> PixelArray:
    """
    Read pixels written as JSON.

    They are read as one flat list, however deep the text is nested; that it is nested as the shape
    says is seen from what is left of the text without its digits.
    """
    shape, highest = tensor.shape, np.iinfo(_DTYPES[tensor.datatype]).max
    try:
        values: list[int] = msgspec.json.decode(b"[%b]" % text.translate(None, b"[]"), type=_NUMBERS[tensor.datatype])
    except msgspec.ValidationError as error:
        place = re.search(r"\d+(?=\]`$)", str(error))
        raise RequestError(
            f"`data` holds something else than a whole number 0-{highest} in place {place[0] if place else '?'}",
            code="request.tensor",
            hint="places are counted from 0 through all numbers; send the pixels before scaling",
        ) from None
    except (msgspec.DecodeError, RecursionError):
        raise RequestError("`data` is not a list of numbers without gaps", code="request.tensor") from None
    if len(values) != math.prod(shape):
        raise _misfit(tensor, f"`data` has {len(values)}")
    if text.translate(None, b"0123456789 \t\r\n") not in (_skeleton((len(values),)), _skeleton(shape)):
        raise RequestError(
            "`data` is nested otherwise than the shape says", code="request.tensor", hint="nest it so, or not at all"
        )
    return np.array(values, _DTYPES[tensor.datatype])  # type: ignore[return-value] # one of the two


def _skeleton(shape: tuple[int, ...]) -> bytes:
    """Give the brackets and commas of a nested list."""
    skeleton = b""
    for side in reversed(shape):
        skeleton = b"[%b]" % b",".join([skeleton] * side)
    return skeleton


def _misfit(tensor: Tensor, what: str) -> RequestError:
    shown, size = ", ".join(map(str, tensor.shape)), _DTYPES[tensor.datatype].itemsize
    return RequestError(
        f"the shape [{shown}] is of {math.prod(tensor.shape)} values, {what}",
        code="request.tensor",
        hint=f"{tensor.datatype} has {size} byte{'s' * (size > 1)} a value, 3 values a pixel in colour",
    )
