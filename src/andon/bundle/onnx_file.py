"""
What an ONNX file would read from outside of itself, found without any ONNX library.

A tensor may name another file as its data, relative to the folder in which the loading process
happens to run. A bundle is whole in itself, so a runtime asks here before it loads an artifact.
The file is walked as protobuf through every message that can hold a tensor; the data of the
tensors are skipped. It knows nothing of graphs and operators.

Source:
    onnx.proto of ONNX 1.23; tests/unit/bundle/test_onnx_file.py holds `_CHILDREN` to its
    descriptors. Wire format: https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

from andon.bundle.json_text import quoted
from andon.errors import BundleError, RuntimeFault

MAX_FIELDS = 1_000_000
"""Fields walked at most, seconds of work; EfficientNet-Lite0 has 3,793."""

_CHILDREN = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Tensor": {},
}
"""By message, without the suffix `Proto`: the fields through which tensors are reached."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of a tensor: pairs of which `location` is the file; and 1 where the data are elsewhere, else 0 or absent."""

_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)


def require_whole_onnx(data: bytes, where: str) -> None:
    """
    Require that an ONNX artifact refers to no other file.

    Args:
        data: Its verified bytes.
        where: The member, for the error.

    Raises:
        BundleError: `bundle.artifact`.
        RuntimeFault: `runtime.load`: the bytes are not an ONNX file.
    """
    try:
        files = find_external_files(data)
    except ValueError as error:
        raise RuntimeFault(f"the artifact is not an ONNX file: {error}", code="runtime.load", where=where) from None
    if files:
        raise BundleError(
            f"the artifact keeps tensors in another file, {quoted(files[0])}; it would be read from this machine",
            code="bundle.artifact",
            where=where,
            hint="pack the model again with its weights inside the ONNX file",
        )


def find_external_files(data: bytes) -> list[str]:
    """
    List the files that an ONNX file refers to.

    Args:
        data: An ONNX file, whole.

    Returns:
        Their names as they stand in the file, sorted; `""` where tensors are elsewhere and none
        says where. Empty for a file that is whole in itself.

    Raises:
        ValueError: The bytes are not a protobuf message, or one of more than `MAX_FIELDS` fields.
    """
    found = set()
    waiting = [("Model", 0, len(data))]
    walked = 0
    while waiting:
        kind, start, end = waiting.pop()
        children = _CHILDREN[kind]
        for number, wire_type, begin, stop in _fields(data, start, end):
            walked += 1
            if walked > MAX_FIELDS:
                raise ValueError(f"the file has more than {MAX_FIELDS} fields")
            if wire_type == _BYTES and number in children:
                waiting.append((children[number], begin, stop))
            elif kind == "Tensor" and wire_type == _BYTES and number == _EXTERNAL_DATA:
                found.add(_location(data, begin, stop))
            elif kind == "Tensor" and wire_type == _VARINT and number == _DATA_LOCATION and any(data[begin:stop]):
                found.add("")
    # The other pairs beside a location, and the mark of its tensor, add nothing to it.
    return sorted(found - {""} or found)


def _location(data: bytes, start: int, end: int) -> str:
    """Give the value of one pair of `external_data`, empty where its key is not `location`."""
    pair = {number: data[begin:stop] for number, _, begin, stop in _fields(data, start, end)}
    return pair.get(2, b"").decode(errors="replace") if pair.get(1) == b"location" else ""


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """
    Split a message into its fields: number, wire type, and where the value begins and ends.

    What is inside a group, which ONNX does not use, has the number 0.
    """
    groups: list[int] = []
    position = start
    while position < end:
        tag, position = _varint(data, position, end, 5)
        number, wire_type = tag >> 3, tag & 7
        begin = position
        if wire_type == _VARINT:
            _, position = _varint(data, position, end, 10)
        elif wire_type == _BYTES:
            size, begin = _varint(data, position, end, 5)
            position = begin + size
        elif wire_type in (_FIXED64, _FIXED32):
            position += 8 if wire_type == _FIXED64 else 4
        elif wire_type == _START_GROUP:
            groups.append(number)
        elif wire_type != _END_GROUP or not groups or groups.pop() != number:
            raise ValueError(f"there is no protobuf field at byte {begin}")
        if position > end or not 0 < number < 2**29:
            raise ValueError(f"the protobuf field before byte {begin} is cut off, or has no number")
        yield 0 if groups else number, wire_type, begin, position
    if groups:
        raise ValueError("a protobuf group does not end")


def _varint(data: bytes, position: int, end: int, max_bytes: int) -> tuple[int, int]:
    """Read a variable-length integer; give it and where it ends."""
    value = 0
    for count in range(max_bytes):
        if position + count >= end:
            break
        byte = data[position + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, position + count + 1
    raise ValueError(f"the protobuf number at byte {position} does not end")
