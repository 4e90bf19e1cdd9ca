"""
Samples of a model that looks at tiles: what is larger than a tile is cut up as it will be in service.

A tile is what the author's transform and the model take, so it is what is compared and proven.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from andon.build.samples import Sample, made_sample
from andon.bundle.input_spec import MAX_DEPTH, InputSpec
from andon.errors import ImageError, PackError
from andon.settings.limits import DEFAULT_LIMITS
from andon.vision.decode import decode
from andon.vision.depth import DEEP_MODES
from andon.vision.geometry import region_of
from andon.vision.tiles import cut, tile_windows

TILES_A_SAMPLE = 3
"""Tiles that are taken of one large sample, those in which there is most to see."""


def as_tiles(samples: Sequence[Sample], spec: InputSpec) -> list[Sample]:
    """
    Cut samples into tiles.

    Args:
        samples: Whole images, or tiles.
        spec: Its tiles, and what comes before them. Without tiles the samples stay as they are.

    Returns:
        A sample of the size of a tile stays as it is: the author made it. Of any other come up to
        `TILES_A_SAMPLE`, as PNG; grey stays grey, colour stays colour, and 16 bits stay, so that the
        transform gets what it gets of the author's own tiles.

    Raises:
        PackError: `pack.samples`: a sample cannot be decoded as declared.
    """
    if spec.tiles is None:
        return list(samples)
    return [tile for sample in samples for tile in _tiles_of(sample, spec)]


def _tiles_of(sample: Sample, spec: InputSpec) -> Iterator[Sample]:
    if spec.tiles is None or _is_tile(sample, spec.tiles.size):
        yield sample
        return
    try:
        image = decode(sample.encoded, _keeping(sample, spec), DEFAULT_LIMITS)
    except ImageError as error:
        raise PackError(error.message, code="pack.samples", where=sample.name, hint=error.hint) from None
    region = region_of(image.size, spec.roi)
    windows = tile_windows(region, spec.tiles, max_tiles=DEFAULT_LIMITS.max_tiles)
    tiles = [(cut(image, window, region), window) for window in windows]
    for tile, window in sorted(tiles, key=lambda pair: _detail(pair[0]), reverse=True)[:TILES_A_SAMPLE]:
        yield made_sample(tile, "PNG", f"{sample.name}, tile at ({window.x}, {window.y})")


def _keeping(sample: Sample, spec: InputSpec) -> InputSpec:
    """Declare an input that leaves the levels of a sample as they are, but takes its region out of it."""
    with sample.open() as image:
        mode = image.mode
    if mode in DEEP_MODES:
        return InputSpec(color="L", depth=MAX_DEPTH, orientation=spec.orientation, roi=spec.roi)
    return InputSpec(color="L" if mode in ("1", "L") else "RGB", orientation=spec.orientation, roi=spec.roi)


def _is_tile(sample: Sample, size: tuple[int, int]) -> bool:
    with sample.open() as image:
        return (image.height, image.width) == size


def _detail(tile: Image.Image) -> float:
    """Tell how much there is to see: the spread of grey levels."""
    return float(np.asarray(tile, np.float32).std())
