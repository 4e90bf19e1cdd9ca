"""
Where the pixels of a prepared image lie in the image as it is oriented. It prepares nothing.

Coordinates are continuous: the pixel in column 3 covers 3.0 to 4.0, and its centre is at 3.5, as in
the kernels of Pillow and of OpenCV. So one factor and one offset an axis say it all.
"""

from typing import NamedTuple

import numpy as np
from msgspec import Struct

from andon.bundle.input_spec import InputSpec, Letterbox, Roi
from andon.tensors import FloatArray
from andon.vision.prepare import crop_corner, letterbox_corner, resized_size


class Window(NamedTuple):
    """A rectangle of whole pixels of the image as it is oriented, before a region is cut out of it."""

    x: int
    """Pixels from the left edge."""
    y: int
    """Pixels from the upper edge."""
    width: int
    height: int

    @property
    def right(self) -> int:
        """Pixels from the left edge to its own right one."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """Pixels from the upper edge to its own lower one."""
        return self.y + self.height

    def within(self, outer: "Window") -> "Window":
        """Give the part of it that lies in another window, which it begins in."""
        width, height = min(self.right, outer.right) - self.x, min(self.bottom, outer.bottom) - self.y
        return Window(self.x, self.y, width, height)


def region_of(size: tuple[int, int], roi: Roi | None) -> Window:
    """
    Say where a decoded image lies in the one that it is a region of.

    Args:
        size: Its width and height in pixels.
        roi: Where it was cut out; None for an image that is whole.
    """
    return Window(0, 0, *size) if roi is None else Window(roi.x, roi.y, *size)


class Placement(Struct, frozen=True, kw_only=True):
    """Where a prepared image lies in the whole one: `x + step_x * column`, and likewise down."""

    x: float
    """The left edge of column 0, in pixels of the image; it may lie outside, where a border was added."""
    y: float
    """The upper edge of row 0."""
    step_x: float
    """What one column is in pixels of the image."""
    step_y: float

    def to_image(self, corners: FloatArray) -> FloatArray:
        """Bring corners (M, 4), left, upper, right and lower edges in prepared pixels, to the image."""
        steps = np.array([self.step_x, self.step_y] * 2)
        moved: FloatArray = (corners * steps + np.array([self.x, self.y] * 2)).astype(np.float32)
        return moved

    def of_map(self, prepared: tuple[int, int], cells: tuple[int, int]) -> "Placement":
        """
        Give where the cells of a map lie that covers the prepared image evenly.

        Args:
            prepared: Height and width of the prepared image in pixels.
            cells: Height and width of the map.
        """
        across, down = prepared[1] / cells[1], prepared[0] / cells[0]
        return Placement(x=self.x, y=self.y, step_x=self.step_x * across, step_y=self.step_y * down)


def place(window: Window, spec: InputSpec, prepared: tuple[int, int]) -> Placement:
    """
    Say where the prepared image of a window lies.

    Args:
        window: What was prepared, a tile or the whole region.
        spec: Its `resize` and `crop`. What the author's own `prepare` does is not known: it is held
            to stretch the window to the prepared size.
        prepared: Height and width of the prepared image in pixels.
    """
    if spec.prepare is not None:
        size, left, top = (prepared[1], prepared[0]), 0, 0
    else:
        size, left, top = _resized(window, spec)
    step_x, step_y = window.width / size[0], window.height / size[1]
    return Placement(x=window.x + left * step_x, y=window.y + top * step_y, step_x=step_x, step_y=step_y)


def _resized(window: Window, spec: InputSpec) -> tuple[tuple[int, int], int, int]:
    """Give the size to which a window is resized, and the column and row of it at which the prepared image begins."""
    size = resized_size(window.width, window.height, spec.resize)
    left = top = 0
    box = size
    if isinstance(spec.resize, Letterbox):
        border_x, border_y = letterbox_corner(size, spec.resize)
        left, top = -border_x, -border_y
        box = (spec.resize.size[1], spec.resize.size[0])
    if spec.crop is not None:
        cut_x, cut_y = crop_corner(box, spec.crop)
        left, top = left + cut_x, top + cut_y
    return size, left, top
