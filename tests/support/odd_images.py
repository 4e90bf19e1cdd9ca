"""
Some hundreds of odd images: every format, mode and compression that is taken, whole, cut off, damaged, and lying.

Each is either decoded to the pixels that Pillow gives, or refused as `ImageError`.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from PIL import Image

from tests.support.pictures import deep_photo, encoded, jpeg_segment, photo, png_chunks, png_file, png_header, tiff_file

SIZES = ((61, 43), (1, 1), (8, 300), (257, 3))


class OddImage(Struct, frozen=True):
    """One image and what it is made of."""

    name: str
    data: bytes
    whole: bytes = b""
    """Of a file that is cut off or lies: one with the only pixels that are right; empty for the file itself."""


def exif(orientation: int) -> Image.Exif:
    """Make an EXIF block that says how an image is to be turned."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def whole_images() -> Iterator[OddImage]:
    """Yield files that are sound, and taken unless their name says `refused`."""
    for size in SIZES:
        yield from _plain_files(*size)
    for orientation in range(1, 9):
        for form in ("JPEG", "PNG", "WEBP", "TIFF"):
            yield OddImage(f"{form} turned {orientation}", encoded(photo(31, 22), form, exif=exif(orientation)))
        grey = encoded(Image.fromarray(deep_photo(31, 22)), "TIFF", exif=exif(orientation), compression="tiff_lzw")
        yield OddImage(f"TIFF deep turned {orientation}", grey)
    yield from _tiff_files()
    yield from _moving_files()
    yield from _bmp_files()
    yield OddImage("MPO", mpo())
    yield OddImage("JPEG with ICC", encoded(photo(), "JPEG", icc_profile=b"icc" * 3000))
    yield OddImage("TIFF with ICC", encoded(photo(), "TIFF", icc_profile=b"icc" * 3000))
    yield OddImage("WEBP with ICC", encoded(photo(), "WEBP", icc_profile=b"icc" * 3000))


def _plain_files(width: int, height: int) -> Iterator[OddImage]:
    name = f"{width} x {height}"
    for mode in ("L", "RGB", "CMYK"):
        for options in ({}, {"progressive": True}, {"subsampling": 0, "quality": 98}):
            yield OddImage(f"JPEG {mode} {name} {options}", encoded(photo(width, height, mode), "JPEG", **options))
    yield from _lossless_files(width, height)


def _lossless_files(width: int, height: int) -> Iterator[OddImage]:
    name = f"{width} x {height}"
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield OddImage(f"PNG {mode} {name}", encoded(photo(width, height, mode), "PNG"))
    yield OddImage(f"PNG deep {name}", encoded(Image.fromarray(deep_photo(width, height)), "PNG"))
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield OddImage(f"BMP {mode} {name}", encoded(photo(width, height, mode), "BMP"))
    for mode in ("1", "L", "P", "RGB"):
        yield OddImage(f"GIF {mode} {name}", encoded(photo(width, height, mode), "GIF"))
    for mode, options in itertools.product(("RGB", "RGBA"), ({}, {"lossless": True}, {"quality": 20})):
        yield OddImage(f"WEBP {mode} {name} {options}", encoded(photo(width, height, mode), "WEBP", **options))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK"):
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
            picture = photo(width, height, mode)
            yield OddImage(f"TIFF {mode} {compression} {name}", encoded(picture, "TIFF", compression=compression))
    for mode in ("L", "RGB", "CMYK"):
        yield OddImage(
            f"TIFF {mode} jpeg {name}", encoded(photo(width, height, mode), "TIFF", compression="jpeg", quality=90)
        )
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        deep = Image.fromarray(deep_photo(width, height))
        yield OddImage(f"TIFF deep {compression} {name}", encoded(deep, "TIFF", compression=compression))


def tiff_tags(width: int, height: int, bits: tuple[int, ...], colours: int, **more: int) -> dict[int, object]:
    """Give the tags that every picture has."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: colours, 277: len(bits), 278: height}
    return {**tags, **{int(name[1:]): value for name, value in more.items()}}


def tiles(pixels: np.ndarray, side: int) -> list[bytes]:
    """Cut an array (H, W, C) or (H, W) into tiles, with zeros beyond its edges."""
    height, width = pixels.shape[:2]
    padding = ((0, -height % side), (0, -width % side), *[(0, 0)] * (pixels.ndim - 2))
    padded = np.pad(pixels, padding)
    return [
        padded[top : top + side, left : left + side].tobytes()
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]


def _tiff_files() -> Iterator[OddImage]:
    rgb, grey, deep = np.asarray(photo()), np.asarray(photo(mode="L")), deep_photo()
    height, width = grey.shape
    # Pillow does not read the form of 64 bits where the highest byte comes first.
    for order, big in (("<", False), (">", False), ("<", True)):
        name = f"{'little' if order == '<' else 'big'} endian{', 64 bits' if big else ''}"
        how = {"order": order, "big": big}
        swapped = deep.astype(f"{order}u2")
        tags = tiff_tags(width, height, (8, 8, 8), 2)
        yield OddImage(f"TIFF RGB {name}", tiff_file(tags, [rgb.tobytes()], **how))
        yield OddImage(f"TIFF L {name}", tiff_file(tiff_tags(width, height, (8,), 1), [grey.tobytes()], **how))
        yield OddImage(f"TIFF inverted {name}", tiff_file(tiff_tags(width, height, (8,), 0), [grey.tobytes()], **how))
        deep_tags = tiff_tags(width, height, (16,), 1)
        yield OddImage(f"TIFF deep {name}", tiff_file(deep_tags, [swapped.tobytes()], **how))
        packed = [zlib.compress(swapped.tobytes())]
        yield OddImage(f"TIFF deep deflate {name}", tiff_file({**deep_tags, 259: 8}, packed, **how))
        rows = [swapped[top : top + 5].tobytes() for top in range(0, height, 5)]
        yield OddImage(f"TIFF deep strips {name}", tiff_file({**deep_tags, 278: 5}, rows, **how))
        tiled = {**tags, 322: 16, 323: 16}
        tiled.pop(278)
        yield OddImage(f"TIFF RGB tiles {name}", tiff_file(tiled, tiles(rgb, 16), **how))
        packed = [zlib.compress(tile) for tile in tiles(rgb, 32)]
        yield OddImage(f"TIFF RGB deflate tiles {name}", tiff_file({**tiled, 259: 8, 322: 32, 323: 32}, packed, **how))
        deep_tiled = {**deep_tags, 322: 32, 323: 32}
        deep_tiled.pop(278)
        yield OddImage(f"TIFF deep tiles {name}", tiff_file(deep_tiled, tiles(swapped, 32), **how))
        planes = [rgb[..., channel].tobytes() for channel in range(3)]
        yield OddImage(f"TIFF planes {name}", tiff_file({**tags, 284: 2}, planes, **how))
        packed = [zlib.compress(plane) for plane in planes]
        yield OddImage(f"TIFF deflate planes {name}", tiff_file({**tags, 284: 2, 259: 8}, packed, **how))
        pages = tiff_file(tags, [rgb.tobytes()], **how)
        yield OddImage(f"TIFF with rubbish behind {name}", pages + b"rubbish" * 99)
    for bits in (1, 2, 4):
        row_bytes = (width * bits + 7) // 8
        part = np.random.default_rng(bits).integers(0, 256, height * row_bytes, dtype=np.uint8).tobytes()
        for colours in (0, 1):
            yield OddImage(f"TIFF {bits} bits {colours}", tiff_file(tiff_tags(width, height, (bits,), colours), [part]))
        palette = tuple(np.random.default_rng(0).integers(0, 65536, 3 << bits).tolist())
        tags = {**tiff_tags(width, height, (bits,), 3), 320: palette}
        yield OddImage(f"TIFF palette of {bits} bits", tiff_file(tags, [part]))
    for extra in (0, 1, 2):
        rgba = np.dstack([rgb, grey])
        tags = {**tiff_tags(width, height, (8,) * 4, 2), 338: extra}
        yield OddImage(f"TIFF RGB and extra {extra}", tiff_file(tags, [rgba.tobytes()]))
    twelve = np.random.default_rng(0).integers(0, 256, height * ((width * 12 + 7) // 8), dtype=np.uint8).tobytes()
    yield OddImage("TIFF deep of 12 bits", tiff_file(tiff_tags(width, height, (12,), 1), [twelve]))
    pages = io.BytesIO()
    photo().save(pages, "TIFF", save_all=True, append_images=[photo(20, 10), photo(seed=3)])
    yield OddImage("TIFF of three pages", pages.getvalue())
    yield OddImage("TIFF with strips of 7 rows", encoded(photo(), "TIFF", compression="tiff_lzw", tiffinfo={278: 7}))
    predicted = encoded(photo(), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield OddImage("TIFF with a predictor", predicted)


def _moving_files() -> Iterator[OddImage]:
    pictures = [photo(seed=seed) for seed in range(3)]
    for form in ("GIF", "WEBP", "PNG"):
        data = encoded(pictures[0], form, save_all=True, append_images=pictures[1:], duration=40)
        yield OddImage(f"{form} of three pictures", data)
    alpha = [picture.convert("RGBA") for picture in pictures]
    alpha[0].putalpha(Image.fromarray(np.asarray(photo(mode="L"))))
    data = encoded(alpha[0], "WEBP", save_all=True, append_images=alpha[1:], duration=40, lossless=True)
    yield OddImage("WEBP of three pictures with alpha", data)
    still = encoded(photo(mode="P"), "GIF", transparency=3)
    yield OddImage("GIF with a transparent colour", still)
    yield OddImage("GIF interlaced", encoded(photo(mode="P"), "GIF", interlace=1))
    # The screen is larger than the picture, and the picture stands beyond the screen.
    yield OddImage("GIF on a larger screen", still[:6] + struct.pack("<HH", 90, 70) + still[10:])
    yield OddImage("GIF on a smaller screen", still[:6] + struct.pack("<HH", 9, 7) + still[10:])


def bmp_file(width: int, height: int, bits: int, pixels: bytes, *, compression: int = 0, masks: bytes = b"") -> bytes:
    """Put a BMP file with a header of 40 bytes together; a negative height begins with the upper row."""
    start = 14 + 40 + len(masks)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + masks + pixels


def _bmp_files() -> Iterator[OddImage]:
    rng = np.random.default_rng(0)
    for bits, height in itertools.product((16, 24, 32), (9, -9)):
        pixels = rng.integers(0, 256, (13 * bits + 31) // 32 * 4 * 9, dtype=np.uint8).tobytes()
        yield OddImage(f"BMP {bits} bits, height {height}", bmp_file(13, height, bits, pixels))
    pixels = rng.integers(0, 256, 28 * 9, dtype=np.uint8).tobytes()
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    yield OddImage("BMP 16 bits with masks", bmp_file(13, 9, 16, pixels, compression=3, masks=masks))
    core = struct.pack("<IHHHH", 12, 13, 9, 1, 24) + rng.integers(0, 256, 40 * 9, dtype=np.uint8).tobytes()
    yield OddImage("BMP of OS/2", b"BM" + struct.pack("<IHHI", 26 + 360, 0, 0, 26) + core)


def mpo() -> bytes:
    """Make the file of a phone: two JPEG pictures, one behind the other."""
    return encoded(photo(), "MPO", save_all=True, append_images=[photo(30, 20, seed=5)])


def representatives() -> list[OddImage]:
    """Give sound files of each format, mode and compression, to be cut off and damaged."""
    wanted = ("61 x 43", "deep", "tiles", "planes", "three pictures", "MPO", "bits", "OS/2", "interlaced", "strips")
    found = [image for image in whole_images() if any(word in image.name for word in wanted)]
    return [image for image in found if "turned" not in image.name and " x " not in image.name.replace("61 x 43", "")]


def cut_images(*, points: int = 7) -> Iterator[OddImage]:
    """Yield files that end early: within the header, within the pixels, and a few bytes before the end."""
    for image in representatives():
        length = len(image.data)
        places = {
            3,
            11,
            20,
            length - 1,
            length - 2,
            length - 9,
            *(length * part // points for part in range(1, points)),
        }
        for place in sorted(places):
            yield OddImage(f"{image.name} cut at {place} of {length}", image.data[:place], image.data)


def damaged_images(*, seed: int = 0, times: int = 3) -> Iterator[OddImage]:
    """Yield files in which a bit, a byte or a number is another, or a piece is missing, doubled or blank."""
    rng = np.random.default_rng(seed)
    for image in representatives():
        for number in range(times):
            yield OddImage(f"{image.name} damaged {number}, seed {seed}", _damaged(image.data, rng))


def _damaged(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    place = int(rng.integers(0, len(data) if rng.random() < 0.5 else min(len(data), 200)))
    length = int(rng.integers(1, 40))
    match int(rng.integers(0, 6)):
        case 0:
            changed[place] ^= 1 << int(rng.integers(0, 8))
        case 1:
            changed[place] = int(rng.choice((0, 1, 127, 128, 255)))
        case 2:
            changed[place : place + 4] = struct.pack("<I", int(rng.choice((0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1))))
        case 3:
            del changed[place : place + length]
        case 4:
            changed[place:place] = changed[place : place + length]
        case _:
            changed[place : place + length] = bytes(length)
    return bytes(changed)


def lying_images() -> Iterator[OddImage]:
    """Yield bombs and lies: small files that say to be large, or to hold what they do not."""
    huge = 0x7FFFFFFF
    strip = bytes(100)
    yield OddImage(
        "PNG of 60,000 x 60,000", png_file([(b"IHDR", png_header(60_000, 60_000)), (b"IDAT", b""), (b"IEND", b"")])
    )
    for side in (0, 1, 60_000, huge):
        yield OddImage(f"BMP side {side}", bmp_file(side, side, 24, strip))
        yield OddImage(f"TIFF side {side}", tiff_file(tiff_tags(side, side, (8,), 1), [strip]))
        yield OddImage(f"TIFF rows {side}", tiff_file(tiff_tags(10, 10, (8,), 1, t278=side), [strip]))
        tags = {**tiff_tags(10, 10, (8,), 1), 322: side, 323: side}
        yield OddImage(f"TIFF tile {side}", tiff_file(tags, [strip]))
    for compression in (2, 3, 4, 5, 6, 7, 8, 32809, 34676, 34925, 50000, 50001, 99):
        yield OddImage(
            f"TIFF compression {compression}", tiff_file(tiff_tags(10, 10, (8,), 1, t259=compression), [strip])
        )
    for kind in (2, 3, 4):
        yield OddImage(f"TIFF numbers {kind}", tiff_file(tiff_tags(5, 5, (16,), 1, t339=kind), [strip]))
    for bits, colours in ((32, 1), (64, 1), (16, 2), (8, 8), (16, 0), (8, 32844), (3, 1)):
        channels = (bits,) * (3 if colours in (2, 8) else 1)
        yield OddImage(f"TIFF {bits} bits, colours {colours}", tiff_file(tiff_tags(2, 2, channels, colours), [strip]))
    tags = tiff_tags(10, 10, (8,), 1)
    yield OddImage("TIFF strip not there", tiff_file({**tags, 273: 0}, [strip]))
    yield OddImage("TIFF strip behind the end", tiff_file({**tags, 273: 99_999}, [strip]))
    yield OddImage("TIFF strip of no bytes", tiff_file({**tags, 279: 0}, [strip]))
    yield OddImage("TIFF too few strips", tiff_file({**tags, 278: 2}, [strip[:20]] * 3))
    yield OddImage("TIFF too many strips", tiff_file({**tags, 278: 2}, [strip[:20]] * 9))
    yield OddImage("TIFF strip too short", tiff_file(tags, [strip[:-1]]))
    yield OddImage("TIFF deflate too short", tiff_file({**tags, 259: 8}, [zlib.compress(strip[:-1])]))
    yield OddImage("TIFF packbits too short", tiff_file({**tags, 259: 32773}, [b"\x9e\x00"]))
    tall = {**tiff_tags(1000, 50_000, (8,), 1), 278: 1, 273: (8,) * 50_000, 279: (1000,) * 50_000}
    yield OddImage("TIFF of one strip 50,000 times", tiff_file(tall, [bytes(1000)]))
    yield OddImage("TIFF whose directory is itself", b"II*\0" + struct.pack("<I", 4))
    yield OddImage("TIFF whose directory is outside", b"II*\0" + struct.pack("<I", huge))
    yield OddImage("TIFF of 64 bits outside", b"II+\0" + struct.pack("<HHQ", 8, 0, 2**63 + 5))
    entry = struct.pack("<HHII", 256, 4, 0xFFFFFFFF, 8)
    yield OddImage("TIFF of a tag with 4 billion values", b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4))
    yield OddImage("TIFF of 65,535 tags", b"II*\0" + struct.pack("<IH", 8, 65_535) + entry * 65_535 + bytes(4))
    yield OddImage("TIFF of other rubbish", tiff_file({**tags, 34665: 8, 700: b"x" * 9, 330: 8, 33432: b"?"}, [strip]))
    still = encoded(photo(mode="P"), "GIF")
    yield OddImage("GIF screen of 65,535", still[:6] + struct.pack("<HH", 65_535, 65_535) + still[10:])
    picture = still.index(b",")
    yield OddImage(
        "GIF picture of 65,535", still[: picture + 5] + struct.pack("<HH", 65_535, 65_535) + still[picture + 9 :]
    )
    yield OddImage("GIF in pieces of one byte", b"GIF89a" + bytes(7) + b"!\xfe" + b"\1x" * 600_000 + b"\0;")
    yield OddImage("GIF of no picture", b"GIF89a" + bytes(7) + b";")
    yield OddImage("GIF of too few pixels", gif_of_few_pixels())
    wide = b"VP8X" + struct.pack("<II", 10, 0) + b"\xff" * 6
    yield OddImage("WEBP canvas of 16 million", b"RIFF" + struct.pack("<I", 4 + len(wide)) + b"WEBP" + wide)
    lossless = encoded(photo(), "WEBP", lossless=True)
    yield OddImage("WEBP size lies", lossless[:21] + b"\xff\xff\xff\x0f" + lossless[25:])
    yield OddImage("JPEG of 65,000 x 65,000", jpeg_of_size(65_000, 65_000))
    text = zlib.compress(bytes(10_000_000), 9)
    chunks = list(png_chunks(encoded(photo(), "PNG")))
    chunks[1:1] = [(b"zTXt", b"k\0\0" + text), (b"iCCP", b"p\0\0" + text)]
    yield OddImage("PNG with text that inflates", png_file(chunks), encoded(photo(), "PNG"))
    yield OddImage("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    yield OddImage("portable map", b"P6 1 1 255 abc")
    yield OddImage("nothing", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """Make a JPEG whose header says another size than its data have."""
    data = encoded(photo(), "JPEG")
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def gif_of_few_pixels() -> bytes:
    """Make a GIF of 4 x 4 pixels whose data end after one."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0)
        + bytes(6)
        + b","
        + struct.pack("<HHHHB", 0, 0, 4, 4, 0)
        + b"\x02\x02\x4c\x01\x00;"
    )


def segments_before(data: bytes, *segments: bytes) -> bytes:
    """Put segments behind the start of a JPEG."""
    return data[:2] + b"".join(jpeg_segment(0xE1, segment) for segment in segments) + data[2:]
