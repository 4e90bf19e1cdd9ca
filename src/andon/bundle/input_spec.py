"""
How an image becomes the model input: `input` of the manifest, and the argument `input` of `pack`.

The steps are in the order of the fields: orientation, depth, color, roi, tiles, resize, crop, scale.
It knows nothing of how they are done.
"""

from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from andon.bundle.fields import CodeName, Finite, Level, Offset, Pad, Positive, Rounding, Side, Size, Strict

Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "area"]
PILLOW_KERNELS = frozenset({"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"})
OPENCV_KERNELS = frozenset({"nearest", "bilinear", "bicubic", "area", "lanczos"})
MAX_DEPTH = 16
"""Bits of one channel at most."""


class Resampling(Strict, frozen=True, kw_only=True):
    """What every resize declares of its kernel."""

    interpolation: Interpolation = "bilinear"
    """The kernel; `area` is OpenCV's only, `box` and `hamming` are Pillow's only."""
    antialias: bool = True
    """True for Pillow's kernels, which widen with the reduction; false for OpenCV's, which do not (but for `area`)."""

    def __post_init__(self) -> None:
        known, library = (PILLOW_KERNELS, "Pillow") if self.antialias else (OPENCV_KERNELS, "OpenCV")
        if self.interpolation not in known:
            other = "false" if self.antialias else "true"
            raise ValueError(
                f"there is no kernel {self.interpolation} in {library}; antialias: {other} means the other library"
            )


class ShorterSide(Resampling, frozen=True, kw_only=True, tag_field="mode", tag="shorter_side"):
    """Bring the shorter side to `size`, the longer one in proportion."""

    size: Side
    """Pixels of the shorter side."""
    rounding: Rounding = "floor"
    """How the longer side becomes whole pixels; torchvision truncates."""


class Exact(Resampling, frozen=True, kw_only=True, tag_field="mode", tag="exact"):
    """Bring the image to `size`, whatever its proportions."""

    size: Size


class Letterbox(Resampling, frozen=True, kw_only=True, tag_field="mode", tag="letterbox"):
    """Fit the whole image into `size` in proportion, and fill the rest with `pad`."""

    size: Size
    pad: Pad = 114
    """Grey level of the border, 0-255: one for all channels, or one for each in the order of `color`."""
    rounding: Rounding = "nearest"
    """How the fitted sides become whole pixels; `nearest` rounds half to even."""
    enlarge: bool = True
    """False leaves an image that fits as it is, and only puts the border around it."""
    position: Literal["center", "top_left"] = "center"
    """Where the image is put."""
    offset: Rounding = "floor"
    """How half a pixel of border is rounded in the centre: `floor` puts the odd pixel on the right and below."""


class NoResize(Strict, frozen=True, kw_only=True, tag_field="mode", tag="none"):
    """Leave the pixels as they are; images must have the size of the graph."""


Resize = ShorterSide | Exact | Letterbox | NoResize


class Crop(Strict, frozen=True, kw_only=True):
    """Cut `size` out of the middle; where the image is smaller, `pad` is added around it."""

    size: Size
    mode: Literal["center"] = "center"
    offset: Rounding = "nearest"
    """How half a pixel of offset is rounded; `nearest` rounds half to even, as torchvision."""
    pad: Pad = 0
    """Grey level around a smaller image, 0-255: one for all channels, or one for each in the order of `color`."""


class Roi(Strict, frozen=True, kw_only=True):
    """The part of the image to look at, in pixels; an image that does not hold all of it is refused."""

    x: Offset
    """Pixels from the left edge, after the orientation is applied."""
    y: Offset
    """Pixels from the upper edge."""
    width: Side
    height: Side


class Tiles(Strict, frozen=True, kw_only=True):
    """Cut a large image into tiles of one size, each of them prepared and run as an image of its own."""

    size: Size
    """Of one tile in pixels of the image; a smaller image goes on as in a mirror on the right and below."""
    overlap: Offset
    """Pixels that neighbours share at least: not fewer than the smallest thing to find has."""
    merge: Literal["max", "mean"] = "max"
    """`max`: the worst tile decides. `mean`: all tiles together do, as for a texture."""

    def __post_init__(self) -> None:
        height, width = self.size
        if self.overlap >= min(height, width):
            raise ValueError(f"an overlap of {self.overlap} leaves nothing of tiles of {width} x {height}")


class InputSpec(Strict, frozen=True, kw_only=True):
    """How an image becomes the model input; `pack` takes the same object as `input`."""

    color: Literal["RGB", "BGR", "L", "LLL"] = "RGB"
    """Order of the channels that the graph takes; `L` is one channel of grey, `LLL` the same grey in three."""
    depth: Annotated[int, Meta(ge=8, le=MAX_DEPTH)] = 8
    """Bits of one channel in the file, 8 to 16; more than 8 are grey images."""
    range: tuple[Level, Level] | None = None
    """Levels that are black and white, with more than 8 bits; what lies outside is clipped. Null for all of them."""
    to_8_bits: Rounding | None = None
    """How levels of more than 8 bits are rounded to 0-255 before all else; null keeps them up to the graph."""
    orientation: Literal["stored", "exif"] = "stored"
    """`stored` ignores the EXIF orientation, as `PIL.Image.open` does; `exif` applies it."""
    roi: Roi | None = None
    """The part of the image to look at; null for all of it."""
    tiles: Tiles | None = None
    """How a large image is cut up; null for not at all."""
    resize: Resize = NoResize()
    crop: Crop | None = None
    scale: Positive = 1 / 255
    """Factor from 0-255 to the range in which `mean` and `std` are given."""
    mean: Annotated[tuple[Finite, ...], Meta(min_length=1, max_length=3)] = (0.0,)
    """Subtracted after scaling: one value for all channels, or one for each in the order of `color`."""
    std: Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=3)] = (1.0,)
    """Divides after subtracting; as many values as `mean` may have."""
    prepare: CodeName | None = None
    """The author's own Python in place of resize, crop and normalisation; see `pack`."""

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                raise ValueError(f"{name} has {len(values)} values, expected 1 or {self.channels} for {self.color}")
        self._require_sound_depth()
        self._require_whole_tiles()
        self._require_sound_pads()
        if self.prepare is not None and (not isinstance(self.resize, NoResize) or self.crop is not None):
            raise ValueError("prepare takes the place of resize and crop; declare one or the other")

    def _require_sound_depth(self) -> None:
        if self.depth == 8 and (self.range is not None or self.to_8_bits is not None):
            raise ValueError("range and to_8_bits are for more than 8 bits; declare the depth")
        if self.depth > 8 and self.color not in ("L", "LLL"):
            raise ValueError(f"images of {self.depth} bits are grey: color is L or LLL, not {self.color}")
        low, high = self.levels
        if low >= high or high >= 2**self.depth:
            raise ValueError(f"range is {low} to {high}, expected two rising levels of {self.depth} bits")

    def _require_whole_tiles(self) -> None:
        """Refuse a crop that hides the border of each tile: what lies there would be seen by none."""
        if self.tiles is None or self.crop is None:
            return
        height, width = self.tiles.size
        if isinstance(self.resize, Exact | Letterbox):
            height, width = self.resize.size
        elif isinstance(self.resize, ShorterSide):
            size, shorter = self.resize.size, min(height, width)
            height, width = -(-height * size // shorter), -(-width * size // shorter)
        if self.crop.size[0] < height or self.crop.size[1] < width:
            raise ValueError(
                f"the crop to {self.crop.size} hides the border of each tile, which is {(height, width)} before it; "
                "declare tiles of what the crop keeps"
            )

    @property
    def of_one(self) -> "InputSpec":
        """What is declared of an image that is run as one: of a tile where there are tiles, else of the whole image."""
        return self if self.tiles is None else replace(self, roi=None, tiles=None)

    def _require_sound_pads(self) -> None:
        pads = [part.pad for part in (self.resize, self.crop) if isinstance(part, Letterbox | Crop)]
        if self.color in ("L", "LLL") and any(isinstance(pad, tuple) for pad in pads):
            raise ValueError(f"pad has 3 values, expected 1 for {self.color}")

    @property
    def channels(self) -> int:
        """Channels of the model input: 1 for `L`, else 3."""
        return 1 if self.color == "L" else 3

    @property
    def levels(self) -> tuple[int, int]:
        """The levels in the file that are black and white."""
        return self.range or (0, 2**self.depth - 1)

    @property
    def level(self) -> float:
        """What one level of a prepared pixel is in grey levels of 0-255: 1, or less where more than 8 bits are kept."""
        low, high = self.levels
        return 1.0 if self.dtype == "uint8" else 255 / (high - low)

    @property
    def dtype(self) -> Literal["uint8", "uint16"]:
        """Of prepared pixels: uint16 where levels of more than 8 bits are kept."""
        return "uint16" if self.depth > 8 and self.to_8_bits is None else "uint8"
