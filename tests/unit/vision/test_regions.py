"""Regions are what a plain flood fill finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from andon.vision.regions import Regions, find_regions, join_thin

EVERY = 10**6


def flooded(scores: np.ndarray, limit: float) -> list[tuple[int, int, int, int, float]]:
    """Fill each region from one of its cells, and give its corners and its highest score."""
    left_over = {(int(row), int(column)) for row, column in np.argwhere(scores >= limit)}
    regions = []
    while left_over:
        edge, region = [left_over.pop()], []
        while edge:
            row, column = edge.pop()
            region.append((row, column))
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left_over
            left_over -= near
            edge += near
        rows, columns = zip(*region, strict=True)
        best = max(float(scores[cell]) for cell in region)
        regions.append((min(columns), min(rows), max(columns) + 1, max(rows) + 1, best))
    return sorted(regions)


@given(
    of_numpy.arrays(
        np.float32, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.sampled_from([0, 0.25, 0.5, 1])
    )
)
def test_regions_are_those_of_a_flood_fill(scores: np.ndarray) -> None:
    """With their corners and their highest score, for every pattern of cells."""
    found = find_regions(scores, 0.5, most=EVERY)
    regions = [(*map(int, corners), float(score)) for corners, score in zip(found.corners, found.scores, strict=True)]
    assert sorted(regions) == flooded(scores, 0.5)
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("shape", [(200, 201), (201, 200)])
def test_a_snake_is_one_region(shape: tuple[int, int]) -> None:
    """However long the way from its head to its tail is."""
    scores = np.zeros(shape, np.float32)
    scores[::2] = 1
    scores[1::4, -1] = scores[3::4, 0] = 1
    assert len(find_regions(scores, 0.5, most=EVERY).scores) == 1
    assert len(find_regions(scores.T, 0.5, most=EVERY).scores) == 1


def test_the_best_regions_are_kept() -> None:
    """Where there are more than are wanted."""
    scores = np.zeros((1, 20), np.float32)
    scores[0, ::2] = np.linspace(0.5, 0.95, 10)
    found = find_regions(scores, 0.5, most=2)
    assert found.scores.tolist() == pytest.approx([0.95, 0.9])
    assert found.corners.tolist() == [[18, 0, 19, 1], [16, 0, 17, 1]]


def test_a_plane_of_nothing_has_no_region() -> None:
    """And one that is above the limit everywhere has one."""
    assert len(find_regions(np.zeros((3, 4), np.float32), 0.5, most=9).scores) == 0
    assert find_regions(np.ones((3, 4), np.float32), 0.5, most=9).corners.tolist() == [[0, 0, 4, 3]]


def joined(*corners: tuple[int, int, int, int], cell: float = 4) -> list[list[int]]:
    """Join regions, the first of which is the best, where a cell of the graph has so many cells of the plane."""
    regions = Regions(corners=np.array(corners), scores=np.linspace(0.9, 0.5, len(corners), dtype=np.float32))
    return join_thin(regions, (cell, cell)).corners.tolist()


def test_a_thin_region_joins_a_better_one_beside_it() -> None:
    """An edge that came off goes back, on each side, with a corner between them too; the best is asked first."""
    assert joined((10, 10, 22, 22), (6, 10, 8, 22)) == [[6, 10, 22, 22]]
    assert joined((10, 10, 22, 22), (24, 23, 27, 40), (50, 50, 60, 60)) == [[10, 10, 27, 40], [50, 50, 60, 60]]


def test_regions_that_a_graph_may_tell_apart_stay_apart() -> None:
    """As thick as a cell of it, or with a cell of it in between, or the better of the two."""
    for other in ((5, 10, 9, 22), (4, 10, 6, 22), (24, 10, 28, 22), (10, 26, 22, 28)):
        assert joined((10, 10, 22, 22), other) == [[10, 10, 22, 22], list(other)]
    assert joined((24, 10, 26, 22), (10, 10, 22, 22)) == [[24, 10, 26, 22], [10, 10, 22, 22]]


def test_where_the_plane_is_as_coarse_as_the_graph_nothing_is_thin() -> None:
    """A region of one cell is one."""
    assert len(joined((0, 0, 1, 1), (2, 0, 3, 1), cell=1)) == 2
