"""
Attack: the golden tensors lie in their header: sizes beyond the file, overlaps, shapes that overflow, other types.

Defence: safetensors checks its header against the bytes, and each tensor must have the type and
shape that the manifest asks for.
"""

import json
import struct
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

import andon
from andon.errors import BundleError
from tests.attacks.support import EXPECTED, Contents, Lay, redeclared


def written(header: object, body: bytes = b"") -> bytes:
    """Write a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    """Describe one tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HEADERS = {
    "beyond the file": written({"0.pixels": tensor("U8", [9], 0, 9)}, b"1234"),
    "a shape that is larger": written({"0.pixels": tensor("U8", [9], 0, 4)}, b"1234"),
    "a shape that overflows": written({"0.pixels": tensor("U8", [2**32, 2**32], 0, 0)}),
    "an empty shape too large": written({"0.pixels": tensor("U8", [0, 2**62, 3], 0, 0)}),
    "too many axes": written({"0.pixels": tensor("U8", [1] * 65, 0, 1)}, b"1"),
    "a negative side": written({"0.pixels": tensor("U8", [-1], 0, 1)}, b"1"),
    "a side in words": written({"0.pixels": {**tensor("U8", [1], 0, 1), "shape": ["1"]}}, b"1"),
    "overlap": written({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [3], 1, 4)}, b"1234"),
    "a gap": written({"a": tensor("U8", [1], 1, 2)}, b"12"),
    "bytes left over": written({"a": tensor("U8", [1], 0, 1)}, b"12"),
    "backwards": written({"a": tensor("U8", [1], 2, 1)}, b"12"),
    "bfloat16": written({"0.pixels": tensor("BF16", [2], 0, 4)}, b"1234"),
    "float8": written({"0.pixels": tensor("F8_E4M3", [4], 0, 4)}, b"1234"),
    "an unknown type": written({"0.pixels": tensor("OBJECT", [4], 0, 4)}, b"1234"),
    "a header longer than the file": struct.pack("<Q", 10**7) + b"{}",
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "no header": b"1234",
    "nothing": b"",
    "no JSON": written(b"{"),
    "a list": written([]),
    "nesting": written(b'{"a":' * 100_000),
    "not UTF-8": written(b'{"\xff":1}'),
    "control characters": written({"\x1b[2J": tensor("U8", [1], 0, 2)}, b"1"),
}


def refusal(contents: Contents, lay: Lay, expected: bytes) -> BundleError:
    """Load the bundle with other golden tensors, correctly declared, and give the error."""
    path = lay(redeclared(contents, {EXPECTED: expected}))
    with pytest.raises(BundleError) as caught:
        andon.load(path)
    assert caught.value.code == "bundle.golden"
    assert EXPECTED in caught.value.where
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400
    return caught.value


@pytest.mark.parametrize("expected", HEADERS.values(), ids=HEADERS)
def test_a_lying_header_is_refused(expected: bytes, contents: Contents, lay: Lay) -> None:
    """Whatever the header says, nothing but an error of Andon comes of it."""
    refusal(contents, lay, expected)


@pytest.mark.parametrize("type_", [np.int8, np.float32, np.bool_, np.uint16])
def test_pixels_of_another_type_are_refused(type_: type, contents: Contents, lay: Lay) -> None:
    """Pixels are uint8."""
    tensors = load(contents[EXPECTED])
    error = refusal(contents, lay, save({**tensors, "0.pixels": tensors["0.pixels"].astype(type_)}))
    assert "'0.pixels'" in error.message
    assert "expected uint8" in error.message


@pytest.mark.parametrize("type_", [np.float16, np.float64, np.int32, np.complex64])
def test_outputs_of_another_type_are_refused(type_: type, contents: Contents, lay: Lay) -> None:
    """Raw outputs are float32."""
    tensors = load(contents[EXPECTED])
    error = refusal(contents, lay, save({**tensors, "1.raw_output": tensors["1.raw_output"].astype(type_)}))
    assert "'1.raw_output'" in error.message
    assert "expected float32" in error.message


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("0.pixels", (32, 32, 1)),
        ("0.pixels", (32, 32)),
        ("0.pixels", (0, 32, 3)),
        ("0.pixels", (1, 32, 32, 3)),
        ("0.model_input", (32, 32, 3)),
        ("0.model_input", (3, 32, 31)),
        ("0.raw_output", (1, 3)),
        ("0.raw_output", (0,)),
        ("0.raw_output", ()),
    ],
)
def test_another_shape_is_refused(name: str, shape: tuple[int, ...], contents: Contents, lay: Lay) -> None:
    """The message gives the shape that was found and the one that the manifest asks for."""
    tensors = load(contents[EXPECTED])
    error = refusal(contents, lay, save({**tensors, name: np.zeros(shape, tensors[name].dtype)}))
    assert repr(name) in error.message
    assert str(shape) in error.message


def test_a_tensor_that_is_absent_is_refused(contents: Contents, lay: Lay) -> None:
    """Each golden input has all three tensors."""
    tensors = load(contents[EXPECTED])
    del tensors["2.model_input"]
    assert "'2.model_input' is absent" in refusal(contents, lay, save(tensors)).message


def test_a_tensor_of_no_sample_is_refused(contents: Contents, lay: Lay) -> None:
    """Nothing travels along under another name."""
    tensors = load(contents[EXPECTED])
    assert "'evil'" in refusal(contents, lay, save({**tensors, "evil": np.zeros(1, np.float32)})).message
