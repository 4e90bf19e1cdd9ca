"""PNG files are held to their checksums, and only what makes pixels reaches the decoder."""

import zlib

import numpy as np
import pytest

from andon.errors import ImageError
from andon.vision.encoded import MAX_PARTS
from andon.vision.png import decode_png, read_png
from tests.support.pictures import encoded, photo, png_chunks, png_file, png_header

PLAIN = encoded(photo(), "PNG")
CHUNKS = list(png_chunks(PLAIN))


def reason(data: bytes) -> str:
    """Give the message with which bytes are refused as damaged."""
    with pytest.raises(ImageError) as caught:
        decode_png(read_png(data))
    assert caught.value.code == "image.truncated"
    return caught.value.message


def test_the_header_is_read_without_decoding() -> None:
    """Size and bits come from the chunk IHDR."""
    image = read_png(png_file([(b"IHDR", png_header(70_000, 3, bits=16)), (b"IEND", b"")]))
    assert (image.width, image.height, image.bits, image.exif) == (70_000, 3, 16, b"")


def test_only_what_makes_pixels_is_kept() -> None:
    """Text, times, profiles, transparency and animation go, and so does what follows the end."""
    extras = [(name, b"x" * 100) for name in (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"tRNS", b"acTL", b"fcTL", b"prVt")]
    assert read_png(png_file([CHUNKS[0], *extras, *CHUNKS[1:-1], *extras, CHUNKS[-1]]) + b"more").pixel_data == PLAIN


def test_exif_is_found_before_and_after_the_pixels() -> None:
    """The chunk eXIf may stand on either side."""
    exif = (b"eXIf", b"II*\0")
    for chunks in ([CHUNKS[0], exif, *CHUNKS[1:]], [*CHUNKS[:-1], exif, CHUNKS[-1]]):
        assert read_png(png_file(chunks)).exif == b"II*\0"


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT", b"IEND", b"tEXt"])
def test_a_wrong_checksum_is_refused(name: bytes) -> None:
    """In any chunk: one flipped bit means that the file is not the one that was sent; Pillow skips the one of IDAT."""
    data = png_file([*CHUNKS[:-1], (b"tEXt", b"k\0v"), CHUNKS[-1]])
    begin = data.index(name)
    size = int.from_bytes(data[begin - 4 : begin])
    broken = bytearray(data)
    broken[begin + 4 + size] ^= 1
    assert f"checksum of its chunk {name!r}" in reason(bytes(broken))


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        (CHUNKS[:-1], "no end chunk"),
        (CHUNKS[1:], "header is not its first"),
        ([CHUNKS[0], *CHUNKS], "header is not its first"),
        ([(b"IHDR", b"\0" * 12), *CHUNKS[1:]], "12 bytes, expected 13"),
        ([(b"IHDR", b""), *CHUNKS[1:]], "header is not its first"),
        ([CHUNKS[0], CHUNKS[-1]], "cannot load"),
        ([CHUNKS[0], *[(b"tEXt", b"")] * MAX_PARTS, *CHUNKS[1:]], "no end chunk"),
        ([(b"IHDR", png_header(4, 4, bits=3)), *CHUNKS[1:]], "not identified"),
        ([CHUNKS[0], (b"IDAT", b"rubbish"), CHUNKS[-1]], "data stream"),
        ([CHUNKS[0], (b"IDAT", CHUNKS[1][1][: len(CHUNKS[1][1]) // 2]), CHUNKS[-1]], "truncated"),
        ([CHUNKS[0], (b"IDAT", zlib.compress(b"\x09" * 10_000)), CHUNKS[-1]], "data stream"),
    ],
)
def test_a_file_that_is_no_whole_png_is_refused(chunks: list[tuple[bytes, bytes]], message: str) -> None:
    """Each with its reason."""
    assert message in reason(png_file(chunks))


def test_data_in_many_chunks_are_one() -> None:
    """IDAT may be cut anywhere, into empty chunks too."""
    content = CHUNKS[1][1]
    parts = [(b"IDAT", content[at : at + 7]) for at in range(0, len(content), 7)]
    image = decode_png(read_png(png_file([CHUNKS[0], (b"IDAT", b""), *parts, (b"IDAT", b""), CHUNKS[-1]])))
    np.testing.assert_array_equal(np.asarray(image), np.asarray(photo()))
