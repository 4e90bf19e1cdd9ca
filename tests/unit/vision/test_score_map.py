"""The maps of tiles become one map without seams, in which nothing is lost or moved."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.bundle.input_spec import Tiles
from andon.predictions import ScoreMap
from andon.vision import score_map
from andon.vision.geometry import Placement, Window
from andon.vision.score_map import Canvas, shown_map
from andon.vision.tiles import tile_windows

REGION = Window(40, 20, 700, 500)
TILES = Tiles(size=(128, 160), overlap=32)


def drawn_on(
    value: Callable[[np.ndarray, np.ndarray], np.ndarray],
    cell: float,
    *,
    region: Window = REGION,
    tiles: Tiles = TILES,
    is_good: bool = False,
) -> ScoreMap:
    """Make the map of a graph that answers, for each cell of so many pixels, a function of where its centre is."""
    canvas = Canvas(region, (cell, cell), [is_good])
    for window in tile_windows(region, tiles, max_tiles=1000):
        cells = max(1, round(window.height / cell)), max(1, round(window.width / cell))
        rows, columns = np.indices(cells)
        step_y, step_x = window.height / cells[0], window.width / cells[1]
        scores = value(window.x + (columns + 0.5) * step_x, window.y + (rows + 0.5) * step_y)
        placement = Placement(x=window.x, y=window.y, step_x=step_x, step_y=step_y)
        canvas.add(scores[np.newaxis].astype(np.float32), placement, window)
    return canvas.finished()


def centres(found: ScoreMap) -> tuple[np.ndarray, np.ndarray]:
    """Give where in the image the centres of the columns and of the rows are."""
    rows, columns = found.scores.shape[1:]
    return (
        found.x + (np.arange(columns) + 0.5) * found.step_x,
        found.y + (np.arange(rows) + 0.5) * found.step_y,
    )


@pytest.mark.parametrize("cell", [0.5, 1, 2, 3.2, 4, 8, 16, 32])
def test_weights_add_up_to_one(cell: float) -> None:
    """Where all tiles say the same, so does the map, to the last place but one, in every cell."""
    found = drawn_on(lambda x, _: np.full(x.shape, 0.7), cell)
    assert np.abs(found.scores - np.float32(0.7)).max() <= 1.2e-7


@pytest.mark.parametrize("cell", [1, 2, 4, 8, 16])
def test_a_slope_comes_out_as_a_slope(cell: float) -> None:
    """Without steps at seams and in its place: at most half a cell of a tile away."""
    found = drawn_on(lambda x, _: x / 1000, cell)
    across = found.scores[0, 100 // round(found.step_y)]
    assert np.abs(across - centres(found)[0] / 1000).max() <= cell / 2000 + 1e-6
    assert np.abs(np.diff(across)).max() <= (cell + found.step_x) / 1000 + 1e-6


@settings(deadline=None, max_examples=40)
@given(
    st.integers(REGION.x, REGION.right - 1), st.integers(REGION.y, REGION.bottom - 1), st.sampled_from([1, 2, 4, 8, 16])
)
def test_one_bright_cell_is_found_where_it_is(x: int, y: int, cell: int) -> None:
    """With its whole score, in a cell that covers it or is beside it."""
    found = drawn_on(lambda u, v: ((np.abs(u - x - 0.5) <= cell / 2) & (np.abs(v - y - 0.5) <= cell / 2)) * 0.9, cell)
    row, column = np.unravel_index(found.scores[0].argmax(), found.scores[0].shape)
    assert found.scores.max() > 0.4
    assert abs(centres(found)[0][column] - x - 0.5) <= cell + found.step_x / 2
    assert abs(centres(found)[1][row] - y - 0.5) <= cell + found.step_y / 2


@pytest.mark.parametrize("most", [700 * 500, 40_000, 3_000, 100])
def test_a_map_that_is_made_coarser_keeps_what_is_highest(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single pixel of the finest map, at each of many places; the map has no more values than are allowed."""
    monkeypatch.setattr(score_map, "MAX_VALUES", most)
    for x, y in [(40, 20), (739, 519), (199, 147), (200, 148), (180, 140), (400, 300), (503, 211)]:
        found = drawn_on(lambda u, v, x=x, y=y: ((u == x + 0.5) & (v == y + 0.5)) * 0.9, 1)  # type: ignore[misc] # bound now
        assert found.scores.size <= most
        assert found.scores.max() > 0.3
        row, column = np.unravel_index(found.scores[0].argmax(), found.scores[0].shape)
        assert abs(centres(found)[0][column] - x - 0.5) <= found.step_x + 1
        assert abs(centres(found)[1][row] - y - 0.5) <= found.step_y + 1


def test_of_a_good_label_the_lowest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the map is made coarser: a good part is good everywhere."""
    monkeypatch.setattr(score_map, "MAX_VALUES", 3_000)
    found = drawn_on(lambda u, v: 1 - ((u == 410.5) & (v == 301.5)) * 0.8, 1, is_good=True)
    assert found.scores.min() == pytest.approx(0.2, abs=1e-6)


def test_where_tiles_disagree_the_nearer_centre_counts_more() -> None:
    """In the middle of what they share both count alike; towards the edge of a tile it says less and less."""
    region, tiles = Window(0, 0, 224, 128), Tiles(size=(128, 128), overlap=32)
    canvas = Canvas(region, (1, 1), [False])
    for window, score in zip(tile_windows(region, tiles, max_tiles=2), (0.0, 1.0), strict=True):
        placement = Placement(x=window.x, y=0, step_x=1, step_y=1)
        canvas.add(np.full((1, 128, 128), score, np.float32), placement, window)
    across = canvas.finished().scores[0, 64]
    assert (across[:96] == 0).all()
    assert (across[128:] == 1).all()
    assert across[111] + across[112] == pytest.approx(1)
    assert (np.diff(across[96:128]) > 0).all()
    assert across[96] < 0.02
    assert across[127] > 0.98


@pytest.mark.parametrize("size", [(700, 500), (50, 30), (1, 1), (160, 128), (161, 3)])
@pytest.mark.parametrize("cell", [1, 7, 32, 160])
def test_every_size_of_image_has_a_map(size: tuple[int, int], cell: float) -> None:
    """Smaller than a tile, than a cell, or one pixel more than a tile; no cell of it is left empty."""
    found = drawn_on(lambda u, _: np.ones(u.shape), cell, region=Window(3, 5, *size))
    assert found.scores.min() == pytest.approx(1)
    assert found.step_x * found.scores.shape[2] == pytest.approx(size[0])
    assert found.step_y * found.scores.shape[1] == pytest.approx(size[1])


def test_the_map_of_a_whole_image_is_that_of_the_graph() -> None:
    """Its values are not touched; borders that preparing has added are taken off."""
    scores = np.random.default_rng(0).random((2, 16, 16)).astype(np.float32)
    region = Window(10, 20, 640, 320)
    # A letterbox: the image is in rows 4 to 12.
    found = shown_map(scores, Placement(x=10, y=20 - 160, step_x=40, step_y=40), region)
    assert np.array_equal(found.scores, scores[:, 4:12])
    assert (found.x, found.y, found.step_x, found.step_y) == (10, 20, 40, 40)


def test_a_strip_between_the_centres_of_cells_has_a_map() -> None:
    """A very wide image in a letterbox with a coarse map: the cells that it crosses."""
    scores = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    found = shown_map(scores, Placement(x=0, y=-495, step_x=500, step_y=500), Window(0, 0, 1000, 10))
    assert found.scores.shape == (1, 1, 2)
