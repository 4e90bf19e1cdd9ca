"""
The map of one image: those of its tiles are laid over each other, and what stands out in it is found.

Where tiles overlap, the map is their average; the weight of a tile falls towards its edges, where a
graph sees least, so that no seam shows. It knows nothing of labels' names or verdicts.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from andon.predictions import ScoreMap
from andon.tensors import FloatArray
from andon.vision.geometry import Placement, Window

MAX_VALUES = 8 * 1024**2
"""Values of the map of an image that is cut into tiles; a finer one is made coarser, and takes 64 MB while it grows."""
_CELLS_A_STEP = 4
"""Cells of the image's map along one cell of a tile's map at most: tiles lie so exactly above each other."""


class Canvas:
    """
    The map of an image that is cut into tiles, as it grows.

    Its cells are pixels of the image, or larger where the graph is coarser, or where so many
    would not fit. A cell that holds several of a tile keeps the one that matters: the highest
    score, or the lowest of a good label.

    Args:
        region: What is looked at, in pixels of the image.
        steps: What one cell of a tile's map is in pixels of the image, across and down.
        is_good: For each label, whether it is one of good parts; of these the lowest score matters.
    """

    def __init__(self, region: Window, steps: tuple[float, float], is_good: Sequence[bool]) -> None:
        self._region = region
        self._is_good = np.array(is_good)
        fine = max(1.0, steps[0] / _CELLS_A_STEP), max(1.0, steps[1] / _CELLS_A_STEP)
        values = len(is_good) * region.width * region.height / (fine[0] * fine[1])
        coarser = math.sqrt(max(1.0, values / MAX_VALUES))
        height = max(1, int(region.height / (fine[1] * coarser)))
        width = max(1, int(region.width / (fine[0] * coarser)))
        self._step_x, self._step_y = region.width / width, region.height / height
        self.cell = steps[0] / self._step_x, steps[1] / self._step_y
        """Width and height of a cell of a tile's map, in cells of this one; below 1 where those are finer."""
        self._sums = np.zeros((len(is_good), height, width), np.float32)
        self._weights = np.zeros((height, width), np.float32)

    def add(self, scores: FloatArray, placement: Placement, window: Window) -> None:
        """
        Lay the map of one tile over the others.

        Args:
            scores: float32 (K, h, w).
            placement: Where its cells lie.
            window: The tile, in pixels of the image.
        """
        region, inside = self._region, window.within(self._region)
        across = _Grid(placement.x, placement.step_x, scores.shape[2])
        down = _Grid(placement.y, placement.step_y, scores.shape[1])
        left, right = max(inside.x, across.begin), min(inside.right, across.end)
        upper, lower = max(inside.y, down.begin), min(inside.bottom, down.end)
        across, down = across.within(left, right), down.within(upper, lower)
        columns = _Grid(region.x, self._step_x, self._weights.shape[1]).within(left, right)
        rows = _Grid(region.y, self._step_y, self._weights.shape[0]).within(upper, lower)
        place = (rows.cells, columns.cells)
        weights = np.outer(rows.weights(window.y, window.bottom), columns.weights(window.x, window.right))
        self._weights[place] += weights
        for label, is_good in enumerate(self._is_good):
            reduce = np.minimum if is_good else np.maximum
            sampled = down.sampled(scores[label], rows, reduce, axis=0)
            self._sums[label][place] += weights * across.sampled(sampled, columns, reduce, axis=1)

    def finished(self) -> ScoreMap:
        """Give the map; cells that no tile has shown are 0. Nothing can be added any more."""
        np.divide(self._sums, self._weights, out=self._sums, where=self._weights > 0)
        region = self._region
        return ScoreMap(scores=self._sums, x=region.x, y=region.y, step_x=self._step_x, step_y=self._step_y)


def shown_map(scores: FloatArray, placement: Placement, region: Window) -> ScoreMap:
    """
    Give the map of an image that is not cut up, without the borders that preparing has added to it.

    Args:
        scores: float32 (K, h, w).
        placement: Where its cells lie.
        region: What is looked at, in pixels of the image.
    """
    across = _Grid(placement.x, placement.step_x, scores.shape[2]).within(region.x, region.right)
    down = _Grid(placement.y, placement.step_y, scores.shape[1]).within(region.y, region.bottom)
    return ScoreMap(
        scores=scores[:, down.cells, across.cells],
        x=across.begin,
        y=down.begin,
        step_x=placement.step_x,
        step_y=placement.step_y,
    )


class _Grid(Struct, frozen=True):
    """The cells of a map along one axis: equal steps from an origin."""

    origin: float
    """Where cell 0 begins, in pixels of the image."""
    step: float
    count: int
    first: int = 0
    """The first cell that is meant."""

    @property
    def cells(self) -> slice:
        """The cells that are meant."""
        return slice(self.first, self.first + self.count)

    @property
    def begin(self) -> float:
        """Where the first of them begins."""
        return self.origin + self.first * self.step

    @property
    def end(self) -> float:
        """Where the last of them ends."""
        return self.begin + self.count * self.step

    @property
    def edges(self) -> NDArray[np.float64]:
        """Where they begin, and where the last one ends."""
        return self._at(np.arange(self.count + 1))

    @property
    def centres(self) -> NDArray[np.float64]:
        """Where their centres are."""
        return self._at(np.arange(self.count) + 0.5)

    def _at(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """Give where in the image so many cells after the first of them are."""
        return np.asarray(self.begin + cells * self.step, np.float64)

    def within(self, begin: float, end: float) -> "_Grid":
        """Give those of the cells whose centres lie in a stretch; the one in its middle where it holds no centre."""
        first = max(0, math.ceil((begin - self.origin) / self.step - 0.5))
        last = min(self.count, math.ceil((end - self.origin) / self.step - 0.5))
        if first >= last:
            middle = math.floor(((begin + end) / 2 - self.origin) / self.step)
            first = min(max(0, middle), self.count - 1)
            last = first + 1
        return _Grid(self.origin, self.step, last - first, first)

    def weights(self, begin: int, end: int) -> FloatArray:
        """Give a weight for each cell of a tile that goes from `begin` to `end`: pixels to the nearer edge."""
        return np.minimum(self.centres - begin, end - self.centres).clip(0.5).astype(np.float32)

    def sampled(self, scores: FloatArray, wanted: "_Grid", reduce: np.ufunc, *, axis: int) -> FloatArray:
        """
        Bring one axis of a map to other cells.

        A finer cell takes the score of the one that its centre lies in, and a coarser one reduces
        those whose centres lie in it; at the ends it takes in what would be left over.
        """
        if wanted.step <= self.step:
            nearest = np.floor((wanted.centres - self.origin) / self.step).astype(np.intp)
            return scores.take(nearest.clip(0, scores.shape[axis] - 1), axis)
        scores = scores[(slice(None),) * axis + (self.cells,)]
        starts = np.ceil((wanted.edges[:-1] - self.begin) / self.step - 0.5).astype(np.intp)
        starts[:1] = 0
        reduced: FloatArray = reduce.reduceat(scores, starts.clip(0, self.count - 1), axis)
        return reduced
