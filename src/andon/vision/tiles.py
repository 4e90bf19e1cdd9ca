"""
A large image is cut into tiles of one size that cover every pixel of it.

Neighbours share at least `overlap` pixels, so whatever is not larger lies whole in one tile at least.
It knows nothing of what is done with a tile.
"""

import numpy as np
from PIL import Image

from andon.bundle.input_spec import Tiles
from andon.errors import ImageError
from andon.vision.encoded import beyond_memory
from andon.vision.geometry import Window


def tile_windows(region: Window, tiles: Tiles, *, max_tiles: int) -> list[Window]:
    """
    Say where the tiles of a region lie.

    Args:
        region: What is to be covered, at least one pixel.
        tiles: Their size and the least overlap.
        max_tiles: Tiles of one image at most.

    Returns:
        Windows of the tile's size, row by row. They are spread evenly, and reach beyond the region
        only where that is smaller than a tile.

    Raises:
        ImageError: `image.tiles`: there would be too many.
    """
    height, width = tiles.size
    columns = _count(region.width, width, tiles.overlap)
    rows = _count(region.height, height, tiles.overlap)
    if columns * rows > max_tiles:
        raise ImageError(
            f"{region.width} x {region.height} pixels would be cut into {columns * rows} tiles of {width} x {height}, "
            f"at most {max_tiles} are allowed",
            code="image.tiles",
            hint="pack with larger tiles or less overlap, or allow more with max_tiles",
        )
    return [
        Window(region.x + x, region.y + y, width, height)
        for y in _starts(region.height, height, rows)
        for x in _starts(region.width, width, columns)
    ]


def _count(side: int, tile: int, overlap: int) -> int:
    """Count the tiles that a side takes."""
    return 1 if side <= tile else -(-(side - overlap) // (tile - overlap))


def _starts(side: int, tile: int, count: int) -> list[int]:
    """Give where the tiles along one side begin; the last one ends where the side does."""
    return [number * (side - tile) // (count - 1) for number in range(count)] if count > 1 else [0]


def cut(image: Image.Image, window: Window, region: Window) -> Image.Image:
    """
    Copy a tile out of a loaded image; several threads may do so at once.

    Args:
        image: What was decoded of the region, of mode `RGB`, `L` or `I;16`.
        window: The tile, which begins in the region.
        region: Where the decoded image lies.

    Returns:
        An image of the window's size. Beyond the region it goes on as in a mirror, as often as that
        takes: a border of one colour would be an edge where there is none, and look like a defect.

    Raises:
        ImageError: `image.pixels`: there is not enough memory.
    """
    inside = window.within(region)
    try:
        left, upper = inside.x - region.x, inside.y - region.y
        tile = image.crop((left, upper, left + inside.width, upper + inside.height))
        return tile if inside == window else _continued(tile, window)
    except MemoryError:
        raise beyond_memory() from None


def _continued(tile: Image.Image, window: Window) -> Image.Image:
    """Fill a tile that is too small on the right and below with its own mirror images."""
    pixels = np.asarray(tile)
    missing = [(0, window.height - tile.height), (0, window.width - tile.width), (0, 0)]
    return Image.fromarray(np.pad(pixels, missing[: pixels.ndim], mode="symmetric"))
