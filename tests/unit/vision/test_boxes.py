"""Boxes that show one thing become one box, wherever seams cross it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bundle.input_spec import Tiles
from andon.bundle.output_spec import BoxesSpec
from andon.vision.boxes import MAX_CANDIDATES, Boxes, merge_boxes, read_boxes
from andon.vision.geometry import Placement, Window
from andon.vision.tiles import tile_windows

REGION = Window(0, 0, 1000, 700)
TILES = Tiles(size=(256, 256), overlap=64)
WINDOWS = tile_windows(REGION, TILES, max_tiles=100)
RULES = BoxesSpec()
Thing = tuple[int, int, int, int]
"""Left, upper, right and lower edges of a thing in the image."""


def rows_of(*rows: Sequence[float]) -> np.ndarray:
    """Make rows of a graph."""
    return np.array(rows, np.float32).reshape(len(rows), -1)


def read(rows: np.ndarray, *, window: Window = REGION, region: Window = REGION, **rules: Any) -> Boxes:
    """Read rows of a tile that was prepared as it is."""
    placement = Placement(x=window.x, y=window.y, step_x=1, step_y=1)
    return read_boxes(rows, BoxesSpec(**rules), placement, window, region)


def seen(things: Sequence[Thing], window: Window, *, score: float = 0.9) -> np.ndarray:
    """Answer as a perfect detector of one label does that sees only its tile; less sure of what it sees in part."""
    rows = []
    for left, upper, right, lower in things:
        inside = max(left, window.x), max(upper, window.y), min(right, window.right), min(lower, window.bottom)
        if inside[0] < inside[2] and inside[1] < inside[3]:
            share = (inside[2] - inside[0]) * (inside[3] - inside[1]) / ((right - left) * (lower - upper))
            corner = (window.x, window.y, window.x, window.y)
            rows.append([*np.subtract(inside, corner), score if share == 1 else score - 0.1])
    return rows_of(*rows) if rows else np.zeros((0, 5), np.float32)


def found(things: Sequence[Thing], **rules: Any) -> Boxes:
    """Detect things in tiles, and merge."""
    return merge_boxes([read(seen(things, window), window=window, **rules) for window in WINDOWS], BoxesSpec(**rules))


def things_of(boxes: Boxes) -> list[Thing]:
    """Give the corners, sorted."""
    return sorted(tuple(int(edge) for edge in corners) for corners in np.rint(boxes.corners))  # type: ignore[misc] # four


class TestReadBoxes:
    """One tile, or a whole image."""

    def test_a_row_is_a_box_of_its_best_label(self) -> None:
        """With the score of that; corners are brought to the image and cut off at its edges."""
        placement = Placement(x=100, y=50, step_x=2, step_y=4)
        rows = rows_of([10, 10, 30, 20, 0.3, 0.8], [-50, -50, 5, 5, 0.6, 0.2])
        boxes = read_boxes(rows, RULES, placement, Window(100, 50, 300, 300), Window(100, 50, 300, 300))
        assert boxes.corners.tolist() == [[120, 90, 160, 130], [100, 50, 110, 70]]
        assert boxes.labels.tolist() == [1, 0]
        assert boxes.scores.tolist() == pytest.approx([0.8, 0.6])
        assert not boxes.cut.any()

    def test_centre_and_size_are_read_where_they_are_declared(self) -> None:
        """The same box in two forms."""
        corners = read(rows_of([10, 20, 40, 60, 0.9])).corners
        assert np.array_equal(read(rows_of([25, 40, 30, 40, 0.9]), format="cxcywh").corners, corners)

    def test_boxes_that_score_little_or_have_no_area_are_left_out(self) -> None:
        """The least score itself is enough; edges may be the wrong way round."""
        rows = rows_of([0, 0, 9, 9, 0.5], [20, 20, 29, 29, 0.49], [50, 50, 40, 60, 0.9], [70, 70, 70, 90, 0.9])
        assert things_of(read(rows, min_score=0.5)) == [(0, 0, 9, 9)]

    def test_of_boxes_of_one_label_that_overlap_the_better_is_kept(self) -> None:
        """More than allowed; another label beside it stays."""
        rows = rows_of([0, 0, 10, 10, 0.7, 0], [1, 0, 11, 10, 0.9, 0], [0, 0, 10, 10, 0, 0.6], [6, 0, 16, 10, 0.5, 0])
        boxes = read(rows)
        assert things_of(boxes) == [(0, 0, 10, 10), (1, 0, 11, 10), (6, 0, 16, 10)]
        assert boxes.scores.max() == pytest.approx(0.9)
        assert len(read(rows, max_overlap=0.3)) == 2
        assert len(read(rows, max_overlap=0.95)) == 4

    def test_no_more_are_given_than_are_allowed(self) -> None:
        """The best ones."""
        rows = rows_of(*([20 * place, 0, 20 * place + 9, 9, 0.5 + place / 100] for place in range(20)))
        assert read(rows, max_boxes=3).scores.tolist() == pytest.approx([0.69, 0.68, 0.67])

    def test_what_lies_beyond_the_region_takes_no_place(self) -> None:
        """However much is found in the part of a tile that is no image."""
        beyond = rows_of(*([60 + place % 90, 60, 160, 90, 0.9] for place in range(MAX_CANDIDATES)))
        rows = np.concatenate([beyond, rows_of([5, 5, 20, 20, 0.5])])
        boxes = read(rows, window=Window(0, 0, 256, 256), region=Window(0, 0, 50, 50), max_boxes=1)
        assert things_of(boxes) == [(5, 5, 20, 20)]

    def test_a_graph_that_finds_nothing_gives_none(self) -> None:
        """No row at all, too."""
        assert len(read(np.zeros((0, 6), np.float32))) == 0
        assert len(read(np.zeros((5, 6), np.float32))) == 0

    def test_an_edge_is_cut_only_where_its_tile_ends_inside_the_image(self) -> None:
        """At the edge of the image nothing goes on."""
        window = WINDOWS[0]
        rows = rows_of([0, 0, 255, 90, 0.9])
        assert read(rows, window=window).cut.tolist() == [[False, False, True, False]]
        assert not read(rows, window=window, region=Window(0, 0, 256, 256)).cut.any()

    @given(st.data())
    def test_noise_is_read_without_an_error(self, data: st.DataObject) -> None:
        """Any finite numbers; what comes out lies in the image, and no two of a label overlap too much."""
        count = data.draw(st.integers(0, 30))
        numbers = st.floats(-1e6, 1e6, width=32) | st.floats(0, 300, width=32)
        rows = [[data.draw(numbers) for _ in range(4)] + [data.draw(st.floats(0, 1, width=32))] for _ in range(count)]
        boxes = read(np.array(rows, np.float32).reshape(count, 5), window=WINDOWS[6])
        assert (boxes.corners[:, :2] >= WINDOWS[6][:2]).all()
        assert (boxes.corners[:, 2:] <= (WINDOWS[6].right, WINDOWS[6].bottom)).all()
        assert len(merge_boxes([boxes], RULES)) == len(boxes)


class TestMergeBoxes:
    """All tiles of an image."""

    @given(st.integers(0, 980), st.integers(0, 680), st.integers(3, 20), st.integers(3, 20))
    def test_a_small_thing_is_one_box_wherever_it_is(self, x: int, y: int, width: int, height: int) -> None:
        """Exactly its own, though up to four tiles see it or a part of it; with the score of who sees it whole."""
        thing = (x, y, x + width, y + height)
        boxes = found([thing])
        assert things_of(boxes) == [thing]
        assert boxes.scores.tolist() == pytest.approx([0.9])

    @given(st.integers(0, 400), st.integers(0, 300), st.integers(100, 600), st.integers(100, 400))
    def test_a_thing_larger_than_a_tile_is_one_box(self, x: int, y: int, width: int, height: int) -> None:
        """No tile sees it whole; its parts are put together over all of the seams."""
        thing = (x, y, x + width, y + height)
        assert things_of(found([thing])) == [thing]

    @given(st.integers(0, 900), st.booleans())
    def test_a_long_thing_along_or_across_the_seams_is_one_box(self, start: int, is_wide: bool) -> None:  # noqa: FBT001 -- drawn
        """A scratch of three pixels from one end to the other."""
        thing = (0, min(start, 690), 1000, min(start, 690) + 3) if is_wide else (start, 0, start + 3, 700)
        assert things_of(found([thing])) == [thing]

    def test_things_beside_each_other_stay_apart(self) -> None:
        """A grid of them, of which many lie at seams."""
        things = [(x, y, x + 14, y + 14) for x in range(2, 980, 24) for y in range(3, 680, 24)]
        assert things_of(found(things, max_boxes=10_000)) == sorted(things)

    @given(st.integers(-60, 60), st.integers(20, 60), st.integers(20, 60), st.integers(1, 8))
    def test_two_things_that_overlap_at_a_seam_stay_two(self, at: int, first: int, second: int, by: int) -> None:
        """Each lies whole in one of the tiles, so its part in the other is not joined to what is beside it there."""
        x = WINDOWS[1].x + 32 + at
        things = [(x - first, 300, x + by, 330), (x, 310, x + second, 340)]
        assert things_of(found(things)) == things

    def test_parts_of_two_things_are_not_one(self) -> None:
        """One ends at the seam and the other begins there: neither goes through what the tiles share."""
        left, right = WINDOWS[0], WINDOWS[1]
        boxes = [
            read(rows_of([236, 10, 256, 40, 0.9]), window=left),
            read(rows_of([0, 20, 236 - right.x + 6, 50, 0.9]), window=right),
        ]
        assert len(merge_boxes(boxes, RULES)) == 2

    def test_parts_that_only_touch_are_one_without_overlap(self) -> None:
        """Tiles that share no pixel cut a thing into parts that do not either."""
        windows = tile_windows(REGION, Tiles(size=(250, 250), overlap=0), max_tiles=100)
        things = [(200, 100, 600, 300), (10, 600, 20, 610)]
        boxes = merge_boxes([read(seen(things, window), window=window) for window in windows], RULES)
        assert things_of(boxes) == sorted(things)

    def test_labels_are_not_mixed(self) -> None:
        """What one tile takes for a scratch and the other for a dent is told twice."""
        left, right = WINDOWS[0], WINDOWS[1]
        boxes = [
            read(rows_of([200, 10, 256, 40, 0.8, 0]), window=left),
            read(rows_of([0, 10, 60, 40, 0, 0.7]), window=right),
        ]
        assert len(merge_boxes(boxes, RULES)) == 2

    def test_a_whole_box_is_preferred_to_a_part_that_scores_more(self) -> None:
        """And takes its score."""
        left, right = WINDOWS[0], WINDOWS[1]
        boxes = [
            read(rows_of([236, 10, 256, 40, 0.95]), window=left),
            read(rows_of([236 - right.x, 10, 276 - right.x, 40, 0.6]), window=right),
        ]
        merged = merge_boxes(boxes, RULES)
        assert things_of(merged) == [(236, 10, 276, 40)]
        assert merged.scores.tolist() == pytest.approx([0.95])

    def test_a_part_that_is_drawn_too_large_is_a_part_all_the_same(self) -> None:
        """A graph that sees three pixels of a thing at the edge guesses how it goes on, on the wrong side."""
        left, right = WINDOWS[0], WINDOWS[1]
        thing = (right.x - 9, 10, right.x + 3, 22)
        boxes = [
            read(rows_of([*thing, 0.9]), window=left),
            read(rows_of([-1, 9, 11, 23, 0.4]), window=right),
        ]
        assert things_of(merge_boxes(boxes, RULES)) == [thing]

    def test_a_part_that_no_other_tile_sees_is_kept(self) -> None:
        """Better half a box than none."""
        boxes = [read(rows_of([236, 10, 256, 40, 0.9]), window=WINDOWS[0]), read(np.zeros((0, 5), np.float32))]
        assert things_of(merge_boxes(boxes, RULES)) == [(236, 10, 256, 40)]

    def test_the_best_come_first_and_no_more_than_are_allowed(self) -> None:
        """Whichever tile they come from."""
        boxes = [
            read(rows_of([9, 9, 19, 19, 0.5 + number / 100]), window=window) for number, window in enumerate(WINDOWS)
        ]
        merged = merge_boxes(boxes, BoxesSpec(max_boxes=4))
        best = 0.5 + (len(WINDOWS) - 1) / 100
        assert merged.scores.tolist() == pytest.approx([best, best - 0.01, best - 0.02, best - 0.03])

    def test_tiles_full_of_noise_come_to_an_end(self) -> None:
        """The best are compared, and that is enough."""
        random = np.random.default_rng(0)
        tiles = []
        for window in WINDOWS:
            corners = random.uniform(0, 250, (400, 2)).astype(np.float32)
            rows = np.concatenate([corners, corners + random.uniform(1, 90, (400, 2)), random.random((400, 1))], 1)
            tiles.append(read(rows.astype(np.float32), window=window, max_boxes=10_000, max_overlap=1.0))
        assert 0 < len(merge_boxes(tiles, RULES)) <= RULES.max_boxes
