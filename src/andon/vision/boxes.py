"""
The boxes of one image: rows of a graph are read, and boxes that show one thing become one.

Where an image is cut into tiles, a thing that the seam of two of them crosses is seen twice, once
or twice in part. It is told by the edges: a box that ends where its tile ends inside the image is
cut, and may go on in the neighbour. It knows nothing of labels' names or verdicts.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from andon.bundle.output_spec import BoxesSpec
from andon.tensors import FloatArray
from andon.vision.geometry import Placement, Window

MAX_CANDIDATES = 5_000
"""Boxes of one image that are compared with each other, the best ones; beyond it the graph answers noise."""
_EDGE = 0.02
"""Of a tile's side: a box that ends so near to an edge is held to be cut by it, for graphs do not hit it exactly."""
_SLACK = 0.25
"""Of the smaller of two parts: how far a graph may be off where they should begin or end alike."""


class Boxes(Struct, frozen=True, kw_only=True):
    """Boxes of one image, in no particular order."""

    corners: FloatArray
    """float32 (M, 4): left, upper, right and lower edges in pixels of the image."""
    labels: NDArray[np.intp]
    """(M,): the position of each one's label."""
    scores: FloatArray
    """float32 (M,), 0-1."""
    cut: NDArray[np.bool_]
    """bool (M, 4): whether the left, upper, right or lower edge is one at which a tile ends inside the image."""

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Boxes":
        """Give some of them, in the order chosen."""
        return Boxes(
            corners=self.corners[chosen], labels=self.labels[chosen], scores=self.scores[chosen], cut=self.cut[chosen]
        )


def read_boxes(rows: FloatArray, spec: BoxesSpec, placement: Placement, window: Window, region: Window) -> Boxes:
    """
    Read the rows of one tile, or of a whole image.

    Args:
        rows: float32 (M, 4 + K), finite: four numbers in prepared pixels as `spec.format` says, and
            K scores, 0-1. Each row is a box of its best label.
        spec: Rows that score less than `min_score` are left out, and so are boxes without an area.
        placement: Where the prepared pixels lie.
        window: The tile, in pixels of the image.
        region: All that is looked at; boxes are cut off at its edges.

    Returns:
        At most `spec.max_boxes`, of which no two of one label overlap more than `max_overlap`.
    """
    scores = rows[:, 4:].max(axis=1)
    rows = rows[scores >= spec.min_score]
    inside = window.within(region)
    corners = placement.to_image(_corners(rows[:, :4], spec.format))
    corners = corners.clip([inside.x, inside.y] * 2, [inside.right, inside.bottom] * 2).astype(np.float32)
    found = Boxes(
        corners=corners,
        labels=rows[:, 4:].argmax(axis=1),
        scores=rows[:, 4:].max(axis=1),
        cut=_cut_edges(corners, window, region),
    )
    # What lies beyond the region is gone before the best are taken: it must not take their places.
    found = found.take(_areas(corners) > 0)
    found = found.take(np.argsort(-found.scores, kind="stable")[:MAX_CANDIDATES])
    return _distinct(found, np.arange(len(found)), spec.max_overlap, most=spec.max_boxes)


def _corners(numbers: FloatArray, form: Literal["xyxy", "cxcywh"]) -> FloatArray:
    if form == "xyxy":
        return numbers
    halves = numbers[:, 2:] / 2
    return np.concatenate([numbers[:, :2] - halves, numbers[:, :2] + halves], axis=1)


def _cut_edges(corners: FloatArray, window: Window, region: Window) -> NDArray[np.bool_]:
    """Tell which edges lie where the window ends and the region does not: bool (M, 4)."""
    near_x, near_y = _EDGE * window.width, _EDGE * window.height
    left, upper, right, lower = corners.T
    edges = (
        (left <= window.x + near_x) & (window.x > region.x),
        (upper <= window.y + near_y) & (window.y > region.y),
        (right >= window.right - near_x) & (window.right < region.right),
        (lower >= window.bottom - near_y) & (window.bottom < region.bottom),
    )
    return np.stack(edges, axis=1)


def merge_boxes(tiles: Sequence[Boxes], spec: BoxesSpec) -> Boxes:
    """
    Make the boxes of an image from those of its tiles.

    Parts of one thing are joined; then of boxes that show the same, a whole one is preferred to a
    part, and a better one to a worse. A box that takes the place of others has the best score of all.

    Args:
        tiles: As `read_boxes` gives them, all of one image, at least one.
        spec: The most overlap of two boxes of one label, and the most boxes.

    Returns:
        At most `spec.max_boxes`, the best first.
    """
    if len(tiles) == 1:
        return tiles[0]
    tile = np.repeat(np.arange(len(tiles)), [len(boxes) for boxes in tiles])
    boxes = Boxes(
        corners=np.concatenate([boxes.corners for boxes in tiles]),
        labels=np.concatenate([boxes.labels for boxes in tiles]),
        scores=np.concatenate([boxes.scores for boxes in tiles]),
        cut=np.concatenate([boxes.cut for boxes in tiles]),
    )
    best = np.argsort(-boxes.scores, kind="stable")[:MAX_CANDIDATES]
    boxes = _joined(*_without_explained(boxes.take(best), tile[best], spec.max_overlap))
    whole_first = np.lexsort((-boxes.scores, boxes.cut.any(axis=1)))
    boxes = _distinct(boxes, whole_first, spec.max_overlap, most=len(boxes))
    return boxes.take(np.argsort(-boxes.scores, kind="stable")[: spec.max_boxes])


def _without_explained(boxes: Boxes, tile: NDArray[np.intp], max_overlap: float) -> tuple[Boxes, NDArray[np.intp]]:
    """Leave out the parts that lie in a box which another tile shows whole, so that they join nothing beside it."""
    is_part = boxes.cut.any(axis=1)
    areas = _areas(boxes.corners)
    scores = boxes.scores.copy()
    explained = np.zeros(len(boxes), bool)
    for whole in np.flatnonzero(~is_part):
        parts = np.flatnonzero(is_part & (boxes.labels == boxes.labels[whole]) & (tile != tile[whole]))
        parts = parts[_shared(boxes.corners[whole], boxes.corners[parts]) > max_overlap * areas[parts]]
        explained[parts] = True
        scores[whole] = max(scores[whole], boxes.scores[parts].max(initial=0))
    left = Boxes(corners=boxes.corners, labels=boxes.labels, scores=scores, cut=boxes.cut).take(~explained)
    return left, tile[~explained]


def _joined(boxes: Boxes, tile: NDArray[np.intp]) -> Boxes:
    """Put together the parts of things that are larger than what two tiles share."""
    group = np.arange(len(boxes))
    for first, others in _parts(boxes, tile):
        is_joined = np.zeros(len(boxes), bool)
        is_joined[group[others]] = True
        group[is_joined[group]] = group[first]
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    if len(starts) == len(boxes):
        return boxes
    lows = np.minimum.reduceat(boxes.corners[order, :2], starts)
    highs = np.maximum.reduceat(boxes.corners[order, 2:], starts)
    has_several = np.diff(starts, append=len(boxes)) > 1
    return Boxes(
        corners=np.concatenate([lows, highs], axis=1),
        labels=boxes.labels[order][starts],
        scores=np.maximum.reduceat(boxes.scores[order], starts),
        # What was put together is taken for whole.
        cut=boxes.cut[order][starts] & ~has_several[:, np.newaxis],
    )


def _parts(boxes: Boxes, tile: NDArray[np.intp]) -> Iterator[tuple[np.intp, NDArray[np.intp]]]:
    """Give each cut box with those in which its thing goes on; they have one label, and come from another tile."""
    for first in np.flatnonzero(boxes.cut.any(axis=1)):
        is_near = (boxes.labels == boxes.labels[first]) & (tile != tile[first])
        others = np.flatnonzero(is_near & boxes.cut.any(axis=1))
        goes_on = [_goes_on(boxes, first, others, axis) for axis in (0, 1)]
        others = others[goes_on[0] | goes_on[1]]
        if len(others):
            yield first, others


def _goes_on(boxes: Boxes, first: np.intp, others: NDArray[np.intp], axis: int) -> NDArray[np.bool_]:
    """
    Tell in which other boxes a thing goes on along an axis, 0 across and 1 down.

    They are cut at edges that face each other, and share some pixels of the other axis. Each shows
    all that lies between these edges: what begins behind the edge of a tile is not cut there.
    """
    low, high, upper, lower = (boxes.corners[:, side] for side in (axis, axis + 2, 1 - axis, 3 - axis))
    beside = np.minimum(lower[first], lower[others]) > np.maximum(upper[first], upper[others])
    slack = _SLACK * np.minimum(high[first] - low[first], high[others] - low[others])

    def follows(before: Any, after: Any) -> NDArray[np.bool_]:
        in_order = (low[before] <= low[after] + slack) & (high[before] <= high[after] + slack)
        facing = boxes.cut[before, axis + 2] & boxes.cut[after, axis]
        return np.asarray(facing & in_order & (low[after] <= high[before] + 1))

    return np.asarray(beside & (follows(first, others) | follows(others, first)))


def _distinct(boxes: Boxes, order: NDArray[np.intp], max_overlap: float, *, most: int) -> Boxes:
    """
    Keep of boxes that show the same only the first.

    Two of one label do where they overlap more than `max_overlap`, intersection over union. So do a
    part and a box in which so much of its own area lies, or that shares some of it and goes on
    beyond the edge at which the part is cut. What is kept takes the best score.

    Args:
        boxes: To choose from.
        order: Positions of all of them, the preferred ones first.
        max_overlap: 0-1.
        most: Boxes to keep at most.
    """
    is_part = np.asarray(boxes.cut.any(axis=1))
    areas = _areas(boxes.corners)
    scores = boxes.scores.copy()
    kept: list[int] = []
    while len(order) and len(kept) < most:
        first, others = int(order[0]), order[1:]
        shared = _shared(boxes.corners[first], boxes.corners[others])
        compared = np.where(is_part[others], areas[others], areas[first] + areas[others] - shared)
        goes_on = (shared > 0) & (boxes.cut[others] & _beyond(boxes.corners[first], boxes.corners[others])).any(axis=1)
        is_same = (shared > max_overlap * compared) | goes_on
        is_same &= boxes.labels[others] == boxes.labels[first]
        scores[first] = max(scores[first], scores[others[is_same]].max(initial=0))
        kept.append(first)
        order = others[~is_same]
    chosen = Boxes(corners=boxes.corners, labels=boxes.labels, scores=scores, cut=boxes.cut)
    return chosen.take(np.array(kept, np.intp))


def _beyond(corners: FloatArray, others: FloatArray) -> NDArray[np.bool_]:
    """Tell at which edges one box (4,) reaches beyond each of others (M, 4): bool (M, 4)."""
    return np.concatenate([corners[:2] < others[:, :2], corners[2:] > others[:, 2:]], axis=1)


def _areas(corners: FloatArray) -> FloatArray:
    """Give the areas of boxes, 0 where the edges are the wrong way round."""
    sides: FloatArray = np.maximum(corners[:, 2:] - corners[:, :2], 0)
    areas: FloatArray = sides[:, 0] * sides[:, 1]
    return areas


def _shared(corners: FloatArray, others: FloatArray) -> FloatArray:
    """Give the area that one box (4,) shares with each of others (M, 4)."""
    low = np.maximum(others[:, :2], corners[:2])
    high = np.minimum(others[:, 2:], corners[2:])
    return _areas(np.concatenate([low, high], axis=1))
