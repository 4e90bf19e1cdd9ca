"""
The directory of a TIFF file: its tags read within bounds, and written again.

TIFF 6.0, section 2, and its form of 64 bits, BigTIFF. It knows nothing of what the tags mean.
"""

import struct
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from andon.vision.encoded import damaged

Values = Sequence[int]
"""The values of one tag in the order of the file: a tuple, or `bytes` where that is their type."""

MAX_TAGS = 4096
"""Tags in one directory; cameras write fewer than a hundred."""
MAX_VALUES = 1_000_000
"""Numbers of one tag; a strip of each row of an image is one of them."""

_KINDS = {3: "H", 4: "I", 16: "Q"}
"""SHORT, LONG and LONG8, and how a value of each is unpacked."""
_BYTE, _UNDEFINED, _LONG = 1, 7, 4
_ORDERS = {b"II": "<", b"MM": ">"}


class Directory(Struct, frozen=True, kw_only=True):
    """The first directory of a file, with the tags that were asked for."""

    order: str
    """`<` or `>`: the lowest or the highest byte comes first."""
    tags: Mapping[int, Values]
    """By number; none of them is empty."""

    def one(self, tag: int, default: int) -> int:
        """Give the first value of a tag, or the default where the file does not have it."""
        return self.tags.get(tag, (default,))[0]


def read_directory(data: bytes, wanted: Collection[int]) -> Directory:
    """
    Read the first directory of a TIFF file; no other is looked for, so none can be endless.

    Args:
        data: Begins with `II` or `MM`, and 42 or 43 in the order that this says.
        wanted: Numbers of the tags that are read; of others not even the size matters.

    Raises:
        ImageError: `image.truncated`: something that is wanted lies outside the file, or is of a
            type that no whole number has.
    """
    order = _ORDERS[data[:2]]
    is_big = 43 in data[2:4]
    try:
        entries = _read_entries(data, order, is_big=is_big)
        tags: dict[int, Values] = {}
        for tag, kind, count, place in entries:
            if tag in wanted and tag not in tags:
                tags[tag] = _read_values(data, order, (tag, kind, count, place), 8 if is_big else 4)
    except struct.error:
        raise damaged("its directory lies outside the file") from None
    return Directory(order=order, tags=tags)


def _read_entries(data: bytes, order: str, *, is_big: bool) -> list[tuple[int, int, int, int]]:
    """Give number, type, count and place of the value of each tag."""
    (start,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, min(start, len(data)))
    if count > MAX_TAGS:
        raise damaged(f"its directory has {count} tags")
    first, step, entry = (start + 8, 20, "HHQ") if is_big else (start + 2, 12, "HHI")
    return [
        (*struct.unpack_from(order + entry, data, first + number * step), first + number * step + step - 4 - 4 * is_big)
        for number in range(count)
    ]


def _read_values(data: bytes, order: str, entry: tuple[int, int, int, int], inline_bytes: int) -> Values:
    """Unpack the values of a tag, which stand in its entry where they are small, and elsewhere where not."""
    tag, kind, count, place = entry
    is_bytes = kind in (_BYTE, _UNDEFINED)
    if not count or not (is_bytes or (kind in _KINDS and count <= MAX_VALUES)):
        raise damaged(f"its tag {tag} has {count} values of the type {kind}")
    size = count if is_bytes else struct.calcsize(f"={count}{_KINDS[kind]}")
    if size > inline_bytes:
        (place,) = struct.unpack_from(order + ("Q" if inline_bytes == 8 else "I"), data, place)
    if place + size > len(data):
        raise damaged(f"the values of its tag {tag} lie outside the file")
    values = data[place : place + size]
    return values if is_bytes else struct.unpack(f"{order}{count}{_KINDS[kind]}", values)


def write_file(directory: Directory, parts: Sequence[bytes | memoryview]) -> bytes:
    """
    Write a file of one directory, in the form of 32 bits.

    Args:
        directory: Its tags are written in rising order, bytes as UNDEFINED and numbers as LONG.
        parts: What stands from byte 8 on, where tags may point to.
    """
    order = directory.order
    entries, outside, place = [], [], 8 + sum(map(len, parts))
    for tag, values in sorted(directory.tags.items()):
        is_bytes = isinstance(values, bytes)
        packed = bytes(values) if is_bytes else struct.pack(f"{order}{len(values)}I", *values)
        value = packed.ljust(4, b"\0")
        if len(packed) > 4:
            outside.append(packed)
            value = struct.pack(f"{order}I", place)
            place += len(packed)
        entries.append(struct.pack(f"{order}HHI", tag, _UNDEFINED if is_bytes else _LONG, len(values)) + value)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", place)
    return b"".join((head, *parts, *outside, struct.pack(f"{order}H", len(entries)), *entries, bytes(4)))
