"""The regions of a map: cells above a limit that touch, by a side or a corner. It knows nothing of images."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from andon.tensors import FloatArray

Indices = NDArray[np.intp]


class Regions(Struct, frozen=True, kw_only=True):
    """Regions of one plane of a map, the best first."""

    corners: Indices
    """(M, 4): left, upper, right and lower edges in cells."""
    scores: FloatArray
    """float32 (M,): the highest score of each."""


class _Runs(Struct, frozen=True):
    """Stretches of cells above the limit, row by row, as if each row had one cell more, which is below it."""

    starts: Indices
    ends: Indices
    width: int
    """Cells of a row, with the one more."""


def find_regions(scores: FloatArray, limit: float, *, most: int) -> Regions:
    """
    Find the regions of a plane.

    Args:
        scores: float32 (rows, columns).
        limit: Cells belong to a region from it on.
        most: Regions at most, those of the highest scores.
    """
    above = np.zeros((scores.shape[0], scores.shape[1] + 1), bool)
    np.greater_equal(scores, limit, out=above[:, :-1])
    changes = np.flatnonzero(np.diff(above.ravel(), prepend=False))
    runs = _Runs(changes[::2], changes[1::2], above.shape[1])
    if not len(runs.starts):
        return Regions(corners=np.zeros((0, 4), np.intp), scores=np.zeros(0, np.float32))
    region = _number_regions(runs)
    order = np.argsort(region, kind="stable")
    begins = np.flatnonzero(np.diff(region[order], prepend=-1))
    rows = runs.starts // runs.width
    corners = np.stack(
        [
            np.minimum.reduceat((runs.starts % runs.width)[order], begins),
            np.minimum.reduceat(rows[order], begins),
            np.maximum.reduceat((runs.ends % runs.width)[order], begins),
            np.maximum.reduceat(rows[order], begins) + 1,
        ],
        axis=1,
    )
    lengths = runs.ends - runs.starts
    run_scores = np.maximum.reduceat(scores[above[:, :-1]], np.cumsum(lengths) - lengths)
    best: FloatArray = np.maximum.reduceat(run_scores[order], begins)
    chosen = np.argsort(-best, kind="stable")[:most]
    return Regions(corners=corners[chosen], scores=best[chosen])


def join_thin(regions: Regions, cell: tuple[float, float]) -> Regions:
    """
    Give regions back their edges that came off where the maps of tiles were averaged.

    The cells of two tiles may lie otherwise, and an edge that one of them holds for half there then
    stands beside its region. No graph answers with less than one of its cells, nor with less than
    one of them in between: so what is thinner, and nearer to a better region, belongs to that.

    Args:
        regions: Of one plane.
        cell: The width and height of a cell of the graph, in cells of the plane.

    Returns:
        The best first; as many or fewer.
    """
    corners = regions.corners.copy()
    is_thin = ((corners[:, 2:] - corners[:, :2]) < cell).any(axis=1)
    is_left = np.ones(len(corners), bool)
    for thin in np.flatnonzero(is_thin)[::-1]:
        gaps = np.maximum(corners[:thin, :2] - corners[thin, 2:], corners[thin, :2] - corners[:thin, 2:])
        near = np.flatnonzero((gaps < cell).all(axis=1))
        if len(near):
            corners[near[0], :2] = np.minimum(corners[near[0], :2], corners[thin, :2])
            corners[near[0], 2:] = np.maximum(corners[near[0], 2:], corners[thin, 2:])
            is_left[thin] = False
    return Regions(corners=corners[is_left], scores=regions.scores[is_left])


def _number_regions(runs: _Runs) -> Indices:
    """Give each run the number of its region, from 0 on."""
    upper, lower = _touching(runs)
    # Each run points to one of its region that is not after it; the first one points to itself.
    towards = np.arange(len(runs.starts))
    while True:
        lowest = np.minimum(towards[upper], towards[lower])
        hooked = towards.copy()
        np.minimum.at(hooked, towards[upper], lowest)
        np.minimum.at(hooked, towards[lower], lowest)
        while not np.array_equal(hooked, jumped := hooked[hooked]):
            hooked = jumped
        if np.array_equal(hooked, towards):
            return np.unique(towards, return_inverse=True)[1]
        towards = hooked


def _touching(runs: _Runs) -> tuple[Indices, Indices]:
    """Give the pairs of runs of neighbouring rows that touch, those of the upper rows first."""
    first = np.searchsorted(runs.ends, runs.starts + runs.width, "left")
    last = np.searchsorted(runs.starts, runs.ends + runs.width, "right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, first[upper] + within
