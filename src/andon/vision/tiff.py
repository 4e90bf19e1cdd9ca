"""
TIFF files: the tags that make pixels are checked, and a small file of nothing else is given to Pillow.

Tags as in TIFF 6.0; JPEG within TIFF as in its technical note 2. So no other tag is ever loaded,
and no warning about one can arise. It knows nothing of limits, nor of what the pixels are for.
"""

import io
from collections.abc import Sequence

from msgspec import Struct
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from andon.errors import ImageError
from andon.vision.encoded import (
    MAX_PARTS,
    EncodedImage,
    beyond_memory,
    damaged,
    not_taken,
    pillow_errors,
    require_within_pillow,
)
from andon.vision.jpeg import JPEG_SIGNATURE, decode_jpeg, read_jpeg
from andon.vision.tiff_tags import Directory, read_directory, write_file

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_PLACES, _ORIENTATION, _CHANNELS, _STRIP_ROWS, _STRIP_BYTES, _PLANES = 273, 274, 277, 278, 279, 284
_PREDICTOR, _PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILE_PLACES, _TILE_BYTES = 317, 320, 322, 323, 324, 325
_EXTRA, _NUMBERS, _TABLES, _SUBSAMPLING, _XMP = 338, 339, 347, 530, 700
_WANTED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, _FILL_ORDER, _STRIP_PLACES, _ORIENTATION, _CHANNELS}
    | {_STRIP_ROWS, _STRIP_BYTES, _PLANES, _PREDICTOR, _PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILE_PLACES}
    | {_TILE_BYTES, _EXTRA, _NUMBERS, _TABLES, _SUBSAMPLING, _XMP}
)
_SINGLE = frozenset({_WIDTH, _HEIGHT, _COMPRESSION, _COLOURS, _ORIENTATION, _CHANNELS, _STRIP_ROWS, _PLANES})
_SINGLE |= frozenset({_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT})
"""Tags with one value."""

_PLAIN, _LZW, _JPEG, _DEFLATE, _PACKBITS, _OLD_DEFLATE = 1, 5, 7, 8, 32773, 32946
_COMPRESSIONS = frozenset({_PLAIN, _LZW, _JPEG, _DEFLATE, _PACKBITS, _OLD_DEFLATE})
_WHITE_IS_0, _BLACK_IS_0, _RGB, _INDEXED, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_Bits = tuple[int, ...]
_KINDS: dict[int, frozenset[tuple[_Bits, _Bits]]] = {
    _WHITE_IS_0: frozenset({((bits,), ()) for bits in (1, 2, 4, 8)}),
    _BLACK_IS_0: frozenset({*(((bits,), ()) for bits in (1, 2, 4, 8, 12, 16)), ((8, 8), (0,)), ((8, 8), (2,))}),
    _RGB: frozenset({((8,) * 3, ()), *(((8,) * 4, extra) for extra in ((), (0,), (1,), (2,)))}),
    _INDEXED: frozenset({*(((bits,), ()) for bits in (1, 2, 4, 8)), ((8, 8), (0,)), ((8, 8), (2,))}),
    _CMYK: frozenset({((8,) * 4, ())}),
    _YCBCR: frozenset({((8,) * 3, ())}),
}
"""For each way to say colours: the bits of each channel, and what the channels beyond them are, that are taken."""
_MAX_CHANNELS = 4
_MAX_TILE_PIXELS = 4 * 1024 * 1024
"""Pixels of a tile that is larger than its image."""


class _Layout(Struct, frozen=True, kw_only=True):
    """How the pixels are cut into strips or tiles; a strip is a tile as wide as the image."""

    width: int
    """Pixels of one tile."""
    height: int
    row_bytes: int
    """Of one tile and one plane, where nothing is compressed."""
    heights: tuple[int, ...]
    """Rows that each tile must have, in the order of the file."""
    is_tiled: bool


def read_tiff(data: bytes) -> EncodedImage:
    """
    Read the first picture of a TIFF file, and see that all its strips or tiles are there.

    Args:
        data: Begins as `read_directory` wants it.

    Returns:
        Where the pixels have more than 8 bits, are signed or are floats, and are not plain grey,
        with no pixel data: they are refused by their `bits`.

    Raises:
        ImageError: `image.truncated`; `image.format`: it is compressed or coloured in a way that
            is not taken; `image.depth`: its pixels are not unsigned whole numbers; `image.pixels`:
            its tiles are far larger than itself.
    """
    directory = read_directory(data, _WANTED)
    for tag in _SINGLE & directory.tags.keys():
        if len(directory.tags[tag]) > 1:
            raise damaged(f"its tag {tag} has {len(directory.tags[tag])} values, expected one")
    width, height = directory.one(_WIDTH, 0), directory.one(_HEIGHT, 0)
    bits = _channel_bits(directory)
    _require_whole_numbers(directory)
    if max(bits) > 8 and len(bits) > 1:
        return EncodedImage(width=width, height=height, bits=max(bits), pixel_data=b"")
    _require_taken(directory, bits)
    if not width or not height:
        return EncodedImage(width=width, height=height, bits=max(bits), pixel_data=b"")
    layout = _layout(directory, width, height, bits)
    return EncodedImage(
        width=width,
        height=height,
        bits=max(bits),
        is_grey=len(bits) == 1 and directory.one(_COLOURS, 0) == _BLACK_IS_0,
        pixel_data=_rebuilt(directory, _parts(data, directory, layout), layout),
    )


def _channel_bits(directory: Directory) -> _Bits:
    """Give the bits of each channel; one number may stand for all of them."""
    channels = directory.one(_CHANNELS, 1)
    bits = tuple(directory.tags.get(_BITS, (1,)))
    if len(bits) == 1 and channels <= _MAX_CHANNELS:
        bits *= channels
    if not bits or len(bits) != channels:
        raise damaged(f"it has {channels} channels, and the bits of {len(bits)}")
    return bits


def _require_whole_numbers(directory: Directory) -> None:
    kinds = set(directory.tags.get(_NUMBERS, (1,)))
    if kinds != {1}:
        found = {2: "signed numbers", 3: "floating-point numbers"}.get(max(kinds), "numbers of another kind")
        raise ImageError(
            f"the pixels are {found}, expected unsigned whole numbers",
            code="image.depth",
            hint="save the image with the levels of the camera, before anything is computed",
        )


def _require_taken(directory: Directory, bits: _Bits) -> None:
    compression, colours = directory.one(_COMPRESSION, _PLAIN), directory.one(_COLOURS, _WHITE_IS_0)
    if compression not in _COMPRESSIONS:
        hint = "save it without compression, or with LZW, Deflate, PackBits or JPEG"
        raise not_taken(f"its TIFF compression is number {compression}", hint)
    extra = tuple(directory.tags.get(_EXTRA, ()))
    if (bits, extra) not in _KINDS.get(colours, ()) or (colours == _YCBCR) > (compression == _JPEG):
        raise not_taken(
            f"its TIFF colours are number {colours}, with {', '.join(map(str, bits[:8]))} bits and "
            f"{len(extra)} channels beside the colours"
        )
    if directory.one(_FILL_ORDER, 1) != 1 or directory.one(_PREDICTOR, 1) not in (1, 2):
        raise not_taken("its bits are in the opposite order, or it has a predictor for floats")
    if colours == _INDEXED and len(directory.tags.get(_PALETTE, ())) != 3 << bits[0]:
        raise damaged("its palette is not of the size that its bits say")


def _layout(directory: Directory, width: int, height: int, bits: _Bits) -> _Layout:
    is_tiled = _STRIP_PLACES not in directory.tags
    tile_width = directory.one(_TILE_WIDTH, 0) if is_tiled else width
    tile_height = directory.one(_TILE_HEIGHT, 0) if is_tiled else min(directory.one(_STRIP_ROWS, height), height)
    if not tile_width or not tile_height:
        raise damaged(f"its strips or tiles have {tile_width} x {tile_height} pixels")
    if is_tiled and tile_width * tile_height > max(_MAX_TILE_PIXELS, width * height):
        raise beyond_memory()
    planes = len(bits) if directory.one(_PLANES, 1) == 2 else 1
    if planes > 1 and (directory.one(_COLOURS, 0) not in (_RGB, _CMYK) or directory.one(_EXTRA, 2) != 2):
        raise not_taken("its channels are stored apart")
    across, down = -(-width // tile_width), -(-height // tile_height)
    if across * down * planes > MAX_PARTS:
        raise damaged(f"it is in {across * down * planes} parts")
    last_rows = tile_height if is_tiled else height - tile_height * (down - 1)
    rows = [tile_height] * (across * (down - 1)) + [last_rows] * across
    return _Layout(
        width=tile_width,
        height=tile_height,
        row_bytes=(tile_width * sum(bits) // planes + 7) // 8,
        heights=tuple(rows * planes),
        is_tiled=is_tiled,
    )


def _parts(data: bytes, directory: Directory, layout: _Layout) -> list[memoryview]:
    """
    Find the strips or tiles of the picture.

    Pillow and libtiff look no further where a strip is absent or too short: they read what stands at
    the beginning of the file, or fill with black. And many strips may be one and the same place.
    """
    places = directory.tags.get(_TILE_PLACES if layout.is_tiled else _STRIP_PLACES, ())
    plain_bytes = [rows * layout.row_bytes for rows in layout.heights]
    is_plain = directory.one(_COMPRESSION, _PLAIN) == _PLAIN
    sizes = directory.tags.get(_TILE_BYTES if layout.is_tiled else _STRIP_BYTES, tuple(plain_bytes) if is_plain else ())
    if not len(places) == len(sizes) == len(layout.heights):
        raise damaged(f"it has {len(places)} places and {len(sizes)} sizes of its {len(layout.heights)} parts")
    if is_plain:
        if any(size < wanted for size, wanted in zip(sizes, plain_bytes, strict=True)):
            raise damaged("one of its parts is shorter than its pixels")
        sizes = tuple(plain_bytes)
    if sum(sizes) > len(data):
        raise damaged(f"it has {len(data)} bytes, its parts are of {sum(sizes)}")
    if any(not place or not size or place + size > len(data) for place, size in zip(places, sizes, strict=True)):
        raise damaged("one of its parts is not there")
    view = memoryview(data)
    return [view[place : place + size] for place, size in zip(places, sizes, strict=True)]


def _rebuilt(directory: Directory, parts: Sequence[memoryview], layout: _Layout) -> bytes:
    """Write a file of the same picture with the tags that make pixels, each of them as Pillow expects it."""
    tags = dict(directory.tags)
    if _ORIENTATION in tags:
        # Pillow looks for one in here only where the file has none.
        tags.pop(_XMP, None)
    place, places = 8, []
    for part in parts:
        places.append(place)
        place += len(part)
    tags[_TILE_PLACES if layout.is_tiled else _STRIP_PLACES] = tuple(places)
    tags[_TILE_BYTES if layout.is_tiled else _STRIP_BYTES] = tuple(map(len, parts))
    return write_file(Directory(order=directory.order, tags=tags), parts)


def decode_tiff(encoded: EncodedImage) -> Image.Image:
    """
    Decode what `read_tiff` returned.

    Returns:
        A loaded image of mode `1`, `L`, `LA`, `P`, `PA`, `RGB`, `RGBA`, `CMYK`, `I;16` or `I;16B`,
        pixel for pixel as `PIL.Image.open` gives it: turned as its orientation says, for that is
        what Pillow does with a TIFF image, and with no other.

    Raises:
        ImageError: `image.truncated`, or `image.pixels`: Pillow takes no TIFF of this size.
    """
    require_within_pillow(encoded)
    directory = read_directory(encoded.pixel_data, _WANTED)
    if directory.one(_COMPRESSION, _PLAIN) == _JPEG:
        _require_whole_jpegs(directory, encoded)
    with pillow_errors():
        image = TiffImageFile(io.BytesIO(encoded.pixel_data))
        image.load()
    return image


def _require_whole_jpegs(directory: Directory, encoded: EncodedImage) -> None:
    """
    Decode each strip or tile as the JPEG file that it is with the tables that they share.

    libtiff, as little as libjpeg, reports data that end early. It costs as much time again.
    """
    layout = _layout(directory, encoded.width, encoded.height, _channel_bits(directory))
    tables = bytes(directory.tags.get(_TABLES, ()))[:-2] or JPEG_SIGNATURE[:2]
    for part, rows in zip(_parts(encoded.pixel_data, directory, layout), layout.heights, strict=True):
        stream = tables + bytes(part[2:])
        if not stream.startswith(JPEG_SIGNATURE):
            raise damaged("one of its parts is no JPEG")
        jpeg = read_jpeg(stream)
        if jpeg.width != layout.width or not rows <= jpeg.height <= layout.height or jpeg.bits != 8:
            raise damaged(f"one of its parts has {jpeg.width} x {jpeg.height} pixels")
        decode_jpeg(jpeg)
