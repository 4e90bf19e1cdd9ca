"""
The images that are made to probe a transform: flat colours, ramps, noise, and those that try what samples rarely show.

All of them are the same whenever they are made. Sizes are (width, height) in pixels.
"""

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, features
from PIL.PngImagePlugin import PngInfo

from andon.build.samples import Sample

Size = tuple[int, int]
Colour = tuple[int, int, int]

ONE_BIT = "1"
"""The mode that Pillow resizes to the nearest pixel whatever is asked for, which nobody means."""
MADE = " that was made to try the transform"
"""What the names of all made images end in."""
_ORIENTATION = 0x0112
"""The EXIF tag."""
_GAMMA = 55_556
"""1 / 1.8, in the unit of PNG files, which many tools take for 1 / 2.2 or pass over."""
_ICC_HEADER = 128
"""Bytes before the table of contents of a colour profile."""
_LARGE = 2100
"""Pixels of the longer side of a large image at least; some pipelines shrink what is larger in another way."""


class Studio:
    """
    Makes images in the mode of the author's samples.

    Args:
        grey: Make images of mode L, for a transform that is shown grey images.
        side: Pixels of the longer side of what the transform returns; sizes follow it.
        levels: The levels that are black and white in images of mode I;16, for a transform that is
            shown these; None for 8 bits.
    """

    def __init__(self, *, grey: bool, side: int, levels: tuple[int, int] | None = None) -> None:
        self.grey = grey
        self.side = min(max(side, 16), 1024)
        self.levels = levels

    def sizes(self) -> list[Size]:
        """Give odd sizes of several proportions, larger and smaller than what the transform returns."""
        shares = ((2.1, 1.3), (1.3, 2.1), (1.6, 1.6), (3.3, 1.1), (0.6, 0.45), (0.47, 0.71))
        return [(_odd(self.side * width), _odd(self.side * height)) for width, height in shares]

    def flat(self, size: Size, colour: Colour) -> Sample:
        """One colour; of a grey image its first value."""
        return self._sample(np.full((size[1], size[0], 3), colour, np.float32), f"a flat image of {_words(colour)}")

    def flat_level(self, size: Size, level: int) -> Sample:
        """One level of 16 bits."""
        pixels = np.full((size[1], size[0]), level, np.uint16)
        return _encoded(Image.fromarray(pixels), f"a flat image of level {level}", "PNG")

    def ramp(self, size: Size, axis: int, begin: float, end: float) -> Sample:
        """Grey levels that rise from 0 to 255 between two places of an axis, 0 for x and 1 for y."""
        places = np.arange(size[axis], dtype=np.float64)
        row = np.clip((places - begin) / (end - begin), 0, 1) * 255
        plane = np.broadcast_to(row if axis == 0 else row[:, None], (size[1], size[0]))
        return self._sample(np.stack([plane] * 3, axis=2), f"a ramp of {size[0]} x {size[1]}")

    def noise(self, size: Size, low: int = 0, high: int = 255, *, form: str = "PNG", what: str = "noise") -> Sample:
        """Coarse and fine noise between two grey levels."""
        return self._sample(noise_pixels(size, low, high), f"{what} of {size[0]} x {size[1]}", form)

    def trials(self) -> Iterator[Sample]:
        """Give images that show what a transform does to some images only: by size, proportion, brightness, colour."""
        side = self.side
        usual = (_odd(side * 1.7), _odd(side * 1.25))
        large = max(_LARGE, _odd(side * 2.9))
        for size in (
            usual[::-1], (side, side), (2 * side, 2 * side), (4 * side, side + 1), (side + 1, 4 * side),
            (10 * (side // 6 + 3), side // 6 + 3), (side // 6 + 3, 10 * (side // 6 + 3)),
        ):  # fmt: skip
            yield self.noise(size)
        yield self.noise((large, large * 3 // 4 + 1), what="large noise", form="JPEG")
        yield self.noise((large * 3 // 4 + 1, large), what="large noise")
        yield self.noise((4300, 2 * side + 1), what="long noise")
        yield self.noise((17, 13), what="tiny noise")
        yield self.noise((640, 480), form="JPEG")
        for what, low, high in (
            ("very dark noise", 0, 12), ("dark noise", 0, 64), ("bright noise", 190, 255),
            ("very bright noise", 243, 255), ("noise of low contrast", 96, 144),
        ):  # fmt: skip
            yield self.noise(usual, low, high, what=what)
        yield self._sample(_black_and_white(usual), "black and white dots")
        yield self._sample(_smooth(usual), "smooth slopes")
        if not self.grey:
            yield self._sample(_grey_in_colour(usual), "grey noise in three channels")
            for channel, name in enumerate(("red", "green", "blue")):
                yield self._sample(_one_hue(usual, channel), f"noise that is mostly {name}")

    def files(self) -> Iterator[Sample]:
        """Give the same in other formats, and with what a file may say of itself; none beside deep ones."""
        if self.levels is not None:
            return
        size = (_odd(self.side * 1.4), _odd(self.side * 1.1))
        pixels = noise_pixels(size, 0, 255)
        yield self._sample(pixels, "noise in a BMP file", "BMP")
        yield self._sample(pixels, "noise in a TIFF file", "TIFF")
        says = PngInfo()
        says.add(b"gAMA", struct.pack(">I", _GAMMA))
        yield self._sample(pixels, "noise that states a resolution and a gamma", dpi=(300, 300), pnginfo=says)
        if self.grey:
            return  # WebP has no grey, and the profile is of colours
        yield self._sample(pixels, "noise in a WebP file", "WEBP", lossless=True)
        if profile := _profile():
            yield self._sample(pixels, "noise with a colour profile", "JPEG", icc_profile=profile)

    def oriented(self, orientation: int) -> Sample:
        """JPEG noise with an EXIF block that says how it is to be turned."""
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        name = f"noise with the EXIF orientation {orientation}"
        pixels = noise_pixels((_odd(self.side * 1.7), _odd(self.side * 1.25)), 0, 255)
        return self._sample(pixels, name, "JPEG", exif=exif)

    def other_modes(self) -> Iterator[tuple[str, Sample]]:
        """Give noise in the modes that image files have beside that of the author's; none beside deep ones."""
        if self.levels is not None:
            return
        size = (_odd(self.side * 1.5), _odd(self.side * 1.2))
        colour = Image.fromarray(_whole(noise_pixels(size, 0, 255)))
        alpha = Image.fromarray(_whole(noise_pixels(size, 0, 255)[::-1, :, 0]))
        transparent = colour.copy()
        transparent.putalpha(alpha)
        palette = _palette(size, 0)
        grey = colour.convert("L")
        images = {"RGB" if self.grey else "L": colour if self.grey else grey, "RGBA": transparent, "P": palette}
        images |= {ONE_BIT: grey.convert("1"), "LA": transparent.convert("LA"), "CMYK": colour.convert("CMYK")}
        for mode, image in images.items():
            yield mode, _encoded(image, f"an image of mode {mode}", "JPEG" if mode == "CMYK" else "PNG")
        transparent_colour = _encoded(palette, "a palette image with a transparent colour", "PNG", transparency=0)
        yield "P", transparent_colour

    def twins(self) -> Iterator[tuple[str, Sample, Sample]]:
        """Give pairs of images that come out alike only where a transform does not look at the mode."""
        size = (_odd(self.side * 1.5), _odd(self.side * 1.2))
        first, second = (_encoded(_palette(size, seed), "an image of mode P", "PNG") for seed in (0, 1))
        yield "P", first, second
        inks = Image.fromarray(_whole(noise_pixels(size, 0, 255))).convert("CMYK")
        printed = _encoded(inks, "an image of mode CMYK", "JPEG")
        with printed.open() as image:
            colours = Image.merge("RGB", image.split()[:3])
        yield "CMYK", printed, _encoded(colours, "an image of inks taken for colours", "PNG")

    def _sample(self, pixels: NDArray[Any], name: str, form: str = "PNG", **options: Any) -> Sample:
        """Encode grey levels (H, W, 3) of 0-255, as PNG where they become 16 bits."""
        if self.levels is not None:
            low, high = self.levels
            deep = np.rint(low + pixels[:, :, 0].astype(np.float64) * ((high - low) / 255))
            return _encoded(Image.fromarray(deep.astype(np.uint16)), name, "PNG", **options)
        whole = np.rint(pixels).astype(np.uint8)
        return _encoded(
            Image.fromarray(np.ascontiguousarray(whole[:, :, 0] if self.grey else whole)), name, form, **options
        )


def _profile() -> bytes:
    """Make a colour profile that no one overlooks who applies it: sRGB with red for blue; empty without LittleCMS."""
    if not features.check("littlecms2"):
        return b""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The primaries have entries in the table of contents, which begins after the header: a name, a place, a length.
    red, blue = (plain.index(name, _ICC_HEADER) + 4 for name in (b"rXYZ", b"bXYZ"))
    swapped = bytearray(plain)
    swapped[red : red + 8], swapped[blue : blue + 8] = plain[blue : blue + 8], plain[red : red + 8]
    return bytes(swapped)


def noise_pixels(size: Size, low: int, high: int) -> NDArray[np.float32]:
    """Coarse and fine noise: float32 (H, W, 3) between two grey levels, which both occur."""
    width, height = size
    random = np.random.default_rng((width, height, low, high))
    coarse = random.random((height // 8 + 1, width // 8 + 1, 3), np.float32).repeat(8, 0).repeat(8, 1)
    fine = random.random((height, width, 3), np.float32)
    mixed = 0.4 * coarse[:height, :width] + 0.6 * fine
    stretched = np.clip((mixed - 0.5) * 1.6 + 0.5, 0, 1) * (high - low) + low
    return stretched.astype(np.float32)


def _whole(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.rint(pixels).astype(np.uint8))


def _palette(size: Size, seed: int) -> Image.Image:
    """Make noise of 64 indices whose colours depend on the seed."""
    image = Image.fromarray(_whole(noise_pixels(size, 0, 63)[:, :, 0]), "P")
    image.putpalette(np.random.default_rng(seed).integers(0, 256, 192, np.uint8).tobytes())
    return image


def _black_and_white(size: Size) -> NDArray[np.uint8]:
    dots = np.random.default_rng(1).random((size[1], size[0], 1)) < 0.5
    return np.where(dots, 255, 0).repeat(3, axis=2)


def _smooth(size: Size) -> NDArray[Any]:
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    waves = [np.sin(5 * x + 3 * y), np.cos(4 * x - 6 * y), np.sin(9 * x * y)]
    return np.stack(waves, axis=2) * 90 + 128


def _grey_in_colour(size: Size) -> NDArray[np.float32]:
    return noise_pixels(size, 0, 255)[:, :, :1].repeat(3, axis=2)


def _one_hue(size: Size, channel: int) -> NDArray[np.float32]:
    pixels = noise_pixels(size, 0, 60)
    pixels[:, :, channel] = noise_pixels(size, 120, 255)[:, :, channel]
    return pixels


def _encoded(image: Image.Image, name: str, form: str, **options: Any) -> Sample:
    buffer = io.BytesIO()
    image.save(buffer, form, **({"quality": 92} if form == "JPEG" else {"compress_level": 0}), **options)
    return Sample(name=name + MADE, data=buffer.getvalue())


def _odd(side: float) -> int:
    return int(side) | 1


def _words(colour: Colour) -> str:
    return f"grey level {colour[0]}" if len(set(colour)) == 1 else f"the colour {colour}"
