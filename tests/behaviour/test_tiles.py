"""A spot of 12 pixels in 20 megapixels is found, wherever it lies, in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from andon.bundle.input_spec import Tiles
from andon.predictions import Prediction, Verdict
from andon.vision.geometry import Window
from andon.vision.regions import find_regions
from andon.vision.tiles import tile_windows
from tests.support.finders import CELL, SPOT, load_finder, texture, with_spots, write_finder

WIDTH, HEIGHT = 5472, 3648
TILE, OVERLAP = 512, 64
MEGABYTES = """
import json, re, sys
import andon
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
model = andon.load(sys.argv[1], threads=2)
small = model.predict(sys.argv[2])
open("/proc/self/clear_refs", "w").write("5")
before = peak()
large = model.predict(sys.argv[3])
print(json.dumps({"before": before, "peak": peak(), "verdict": large.verdict.name, "error": repr(large.error)}))
"""
"""
Loads a bundle, predicts a tile and then a large image, and says what memory the latter took at most.

Linux's `VmHWM` is set back in between; `ru_maxrss` would be that of the parent process, if this is larger.
"""

pytestmark = pytest.mark.slow


def at_the_seams() -> list[tuple[int, int]]:
    """Give places of spots around each vertical and each horizontal seam, every few pixels, none near another."""
    windows = tile_windows(Window(0, 0, WIDTH, HEIGHT), Tiles(size=(TILE, TILE), overlap=OVERLAP), max_tiles=1000)
    columns, rows = sorted({w.x for w in windows})[1:], sorted({w.y for w in windows})[1:]
    across = [
        (seam - 2 * SPOT + 3 * step, 40 * (step + 33 * number % 60) + 25)
        for number, seam in enumerate(columns)
        for step in range((OVERLAP + 4 * SPOT) // 3)
    ]
    down = [
        (40 * (step + 37 * number % 60) + 21, seam - 2 * SPOT + 3 * step)
        for number, seam in enumerate(rows)
        for step in range((OVERLAP + 4 * SPOT) // 3)
    ]
    apart: list[tuple[int, int]] = []
    for place in across + down:
        if all(max(abs(place[0] - x), abs(place[1] - y)) > 4 * SPOT for x, y in apart):
            apart.append(place)
    return [(x, y) for x, y in apart if x + SPOT <= WIDTH and y + SPOT <= HEIGHT]


def shows(prediction: Prediction, x: int, y: int) -> bool:
    """Ask whether a box lies where a spot was drawn, to a cell of the graph."""
    return any(
        abs(box.x + box.width / 2 - x - SPOT / 2) <= CELL + 1 and abs(box.y + box.height / 2 - y - SPOT / 2) <= CELL + 1
        for box in prediction.boxes
    )


def test_spots_at_every_place_of_every_seam_are_found(tmp_path: Path) -> None:
    """Several hundreds in one image, each as a region in its place, and nothing elsewhere."""
    places = at_the_seams()
    assert len(places) > 250
    model = load_finder(tmp_path, "map", tile=TILE, overlap=OVERLAP, threads=2)
    found = model.predict(with_spots(texture(WIDTH, HEIGHT), *places[:290]))
    assert found.error is None
    assert [place for place in places[:290] if not shows(found, *place)] == []
    # Where the cells of two tiles lie otherwise, an edge of a spot that scores about 0.5 may come off.
    assert 290 <= len(found.boxes) <= 293
    assert all(any(abs(box.x - x) < 20 and abs(box.y - y) < 20 for x, y in places) for box in found.boxes)
    assert found.map is not None
    assert found.map.step_x < 2


def test_one_spot_makes_the_part_bad(tmp_path: Path) -> None:
    """One of 104 tiles, or two where it lies at a seam; without it the part is good."""
    model = load_finder(tmp_path, "logits", tile=TILE, overlap=OVERLAP, threads=2)
    clean = texture(WIDTH, HEIGHT)
    assert model.predict(clean).verdict is Verdict.OK
    found = model.predict(with_spots(clean, (WIDTH // 2, HEIGHT // 2)))
    assert found.verdict is Verdict.NotOK
    assert 1 <= len(found.boxes) <= 2


@pytest.mark.parametrize(("kind", "allowed"), [("logits", 110), ("map", 230)])
def test_memory_is_bounded(tmp_path: Path, kind: str, allowed: int) -> None:
    """Above what one tile takes: the decoded image of 20 MB, two batches, and the map of at most 8 million cells."""
    bundle = write_finder(tmp_path / "finder.andon", kind, tile=TILE, overlap=OVERLAP)  # type: ignore[arg-type] # a kind
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.fromarray(texture(TILE, TILE)).save(small, compress_level=1)
    Image.fromarray(texture(WIDTH, HEIGHT)).save(large, compress_level=1)
    ran = subprocess.run(
        [sys.executable, "-c", MEGABYTES, bundle, small, large], capture_output=True, text=True, check=True
    )
    measured = json.loads(ran.stdout)
    assert measured["error"] == "None"
    assert measured["verdict"] == "OK"
    # The decoded image alone has 20 MB: less would mean that nothing was measured.
    assert 20 < measured["peak"] - measured["before"] < allowed


def test_a_map_of_a_smooth_answer_shows_no_seam(tmp_path: Path) -> None:
    """Where the graph answers a slope, neighbouring cells differ by no more than they would without tiles."""
    model = load_finder(tmp_path, "map", tile=TILE, overlap=OVERLAP, threads=2)
    slope = np.tile(np.linspace(30, 75, 1500), (1200, 1)).astype(np.uint8)
    found = model.predict(slope)
    assert found.map is not None
    inner = found.map.scores[0, 8:-8, 8:-8]
    assert np.abs(np.diff(inner, axis=0)).max() < 1e-5
    assert np.abs(np.diff(inner, axis=1)).max() < 0.1


@pytest.mark.parametrize("size", [(700, 500), (300, 210), (90, 640), (1009, 83), (50, 40)])
@pytest.mark.parametrize("seed", range(4))
def test_regions_are_those_of_the_whole_image_at_once(tmp_path: Path, size: tuple[int, int], seed: int) -> None:
    """A convolution over the whole image, by NumPy, finds as many in the same places, also in images below a tile."""
    width, height = size
    random = np.random.default_rng(seed)
    spots: list[tuple[int, int]] = []
    for x, y in zip(random.integers(0, width - SPOT + 1, 60), random.integers(0, height - SPOT + 1, 60), strict=True):
        at = [int(random.choice([0, width - SPOT, x], p=[0.1, 0.1, 0.8])), int(y)]
        if all(max(abs(at[0] - other[0]), abs(at[1] - other[1])) >= SPOT + 3 * CELL for other in spots):
            spots.append((at[0], at[1]))
    image = with_spots(texture(width, height, seed), *spots)
    found = load_finder(tmp_path, "map").predict(image)
    assert found.error is None
    regions = find_regions(convolved(image), 0.5, most=1000).corners
    assert len(found.boxes) == len(regions) == len(spots)
    for left, upper, right, lower in regions.tolist():
        assert any(
            max(abs(box.x - left), abs(box.y - upper), abs(box.x + box.width - right), abs(box.y + box.height - lower))
            <= CELL + 1
            for box in found.boxes
        )


def convolved(image: np.ndarray) -> np.ndarray:
    """Do to a whole image what the finder does to a tile, float32 (H, W), but for its cells."""
    dark = np.pad(np.clip(80.0 - image, 0, 50) / 50, 2, mode="edge")
    means: np.ndarray = np.lib.stride_tricks.sliding_window_view(dark, (5, 5)).mean(axis=(2, 3))
    return means.astype(np.float32)
