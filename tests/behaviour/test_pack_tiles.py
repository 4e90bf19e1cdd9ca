"""A model that looks at tiles is packed, proven, and finds small things in large images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import andon
from andon.build.pack import PackReport
from andon.bundle.input_spec import Tiles
from andon.errors import MismatchError, PackError
from andon.predictions import Prediction, Verdict
from andon.vision.geometry import Window
from andon.vision.tiles import tile_windows
from tests.support.finders import with_spots
from tests.support.scratches import LENGTH, OVERLAP, TILE, large_surface, scratched, trained, transform

WIDTH, HEIGHT = 5472, 3648
TILES = {"size": [TILE, TILE], "overlap": OVERLAP}
INPUT = {"color": "L", "tiles": TILES}

pytestmark = pytest.mark.slow


class SpotBoxes(nn.Module):
    """Takes grey tiles, 0-1, gives a row for each cell of 8 x 8 pixels (N, 256, 6): corners, and two scores."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Score how dark, and how bright, each cell is."""
        cells = nn.functional.avg_pool2d(image, 8).flatten(1).unsqueeze(2)
        steps = torch.arange(TILE // 8, dtype=torch.float32) * 8
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        corners = torch.stack([x.flatten(), y.flatten(), x.flatten() + 8, y.flatten() + 8], dim=1)
        rows = corners.unsqueeze(0).expand(image.shape[0], -1, -1)
        return torch.cat([rows, (0.1 - cells) * 80, (cells - 0.95) * 80], dim=2)


def pack_spots(folder: Path, **fields: object) -> PackReport:
    """Pack the detector of dark and of bright cells."""
    samples = [Image.fromarray(with_spots(large_surface("brick", 600, 500), (90, 90), (300, 210), side=24))]
    declared = {"input": INPUT, "task": "detection", "activation": "sigmoid", "decision": {}, **fields}
    return andon.pack(
        SpotBoxes(),
        samples=samples,
        labels=["dark", "bright"],
        out=folder / "spots.andon",
        transform=transform,
        **declared,  # type: ignore[arg-type] # of the test
    )


def shows(prediction: Prediction, x: int, y: int) -> bool:
    """Ask whether a box lies around a place."""
    return any(
        box.x - 8 <= x <= box.x + box.width + 8 and box.y - 8 <= y <= box.y + box.height + 8 for box in prediction.boxes
    )


def test_scratches_in_20_megapixels_are_found_at_every_seam(tmp_path: Path) -> None:
    """By a network that was trained for it on tiles of a photo, in the middle of 2,166 tiles and across their seams."""
    samples = []
    for number in range(2):
        pixels = large_surface("brick", 700, 600)
        scratched(pixels, 300 + number, 200, 0.5 + number)
        samples.append(Image.fromarray(pixels))
    report = andon.pack(
        trained(),
        samples=samples,
        labels=["scratch"],
        out=tmp_path / "scratches.andon",
        transform=transform,
        input=INPUT,
        task="segmentation",
        activation="sigmoid",
        decision={"thresholds": {"scratch": {"low": 0.5, "high": 0.8}}},
    )
    assert report.samples == 6
    model = andon.load(report.path, threads=2)
    part = large_surface("brick", WIDTH, HEIGHT)
    assert model.predict(part).verdict is Verdict.OK
    windows = tile_windows(Window(0, 0, WIDTH, HEIGHT), Tiles(size=(TILE, TILE), overlap=OVERLAP), max_tiles=10_000)
    random = np.random.default_rng(1)
    places = [
        (x - LENGTH + 7 * number % 70, 100 + 97 * number % 3300)
        for number, x in enumerate(sorted({window.x for window in windows})[1:])
    ] + [
        (100 + 131 * number % 5200, y - LENGTH + 7 * number % 70)
        for number, y in enumerate(sorted({window.y for window in windows})[1:])
    ]
    for x, y in places:
        scratched(part, x, y, random.uniform(0, np.pi))
    found = model.predict(part)
    assert found.verdict is Verdict.NotOK
    assert [place for place in places if not shows(found, *place)] == []
    assert len(found.boxes) < len(places) + 10


def test_a_detector_is_packed_and_its_boxes_are_in_the_image(tmp_path: Path) -> None:
    """Its golden samples are single tiles; what it finds lies where it was drawn."""
    report = pack_spots(tmp_path)
    assert report.manifest.task == "detection"
    assert report.manifest.output.kind == "boxes"
    assert report.manifest.input.tiles is not None
    model = andon.load(report.path)
    assert model.canary is not None
    assert model.canary.holds(model.predict_sample(model.canary.image))
    found = model.predict(with_spots(large_surface("brick", 900, 700), (400, 320), side=24))
    assert (found.label, found.verdict) == ("dark", Verdict.NotOK)
    assert all(392 <= box.x <= 424 and 312 <= box.y <= 344 for box in found.boxes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "segmentation"}, "for 2 labels and the output kind 'map'"),
        ({"task": "classification", "decision": None}, "tiles of a classification need a decision"),
        ({"task": "classification", "output": {"kind": "boxes"}}, "does not go with the output kind 'boxes'"),
        ({"activation": "none"}, "expected 0 to 1 for the activation 'none'"),
        ({"output": {"labels": ["a"]}}, "the labels are declared twice"),
        ({"output": {"boxes": {"min_score": 2}}}, "min_score"),
        ({"output": 7}, "output is a int, expected a mapping"),
        ({"task": "poetry"}, "poetry"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    """With the reason, and nothing is written."""
    with pytest.raises(PackError, match=message):
        pack_spots(tmp_path, **fields)
    assert list(tmp_path.iterdir()) == []


def test_a_transform_of_the_whole_image_is_no_transform_of_a_tile(tmp_path: Path) -> None:
    """One that resizes what it gets to half is found out, on tiles as on images."""

    def half(image: Image.Image) -> torch.Tensor:
        return transform(image.convert("L").resize((TILE // 2, TILE // 2)).resize((TILE, TILE)))

    with pytest.raises(MismatchError):
        andon.pack(
            SpotBoxes(),
            samples=[Image.fromarray(large_surface("brick", 600, 500))],
            labels=["dark", "bright"],
            out=tmp_path / "x.andon",
            transform=half,
            input=INPUT,
            task="detection",
            activation="sigmoid",
        )


def test_with_tiles_alone_the_rest_is_found(tmp_path: Path) -> None:
    """What is done to a tile, from the transform; the tiles and the region are as declared."""
    region = {"x": 10, "y": 20, "width": 500, "height": 400}

    def normalised(image: Image.Image) -> torch.Tensor:
        return (transform(image) - 0.5) / 0.25

    report = andon.pack(
        nn.Sequential(Scaled(), SpotBoxes()),
        samples=[Image.fromarray(with_spots(large_surface("brick", 600, 500), (90, 90), (300, 210), side=24))],
        labels=["dark", "bright"],
        out=tmp_path / "spots.andon",
        transform=normalised,
        input={"tiles": TILES, "roi": region},
        task="detection",
        activation="sigmoid",
        decision={},
    )
    found = report.manifest.input
    assert (found.color, found.mean, found.std) == ("L", (0.5,), (0.25,))
    assert found.tiles == Tiles(size=(TILE, TILE), overlap=OVERLAP)
    assert found.roi is not None
    assert any("found by probing" in note for note in report.notes)


class Scaled(nn.Module):
    """Takes normalised images back to 0-1."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Undo the normalisation."""
        return image * 0.25 + 0.5


def test_boxes_in_columns_are_packed(tmp_path: Path) -> None:
    """As many detectors give them; without the declaration they are refused with it as the hint."""

    class Columns(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = SpotBoxes()

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            rows: torch.Tensor = self.rows(image)
            return rows.transpose(1, 2)

    def packed(**output: object) -> PackReport:
        return andon.pack(
            Columns(),
            samples=[Image.fromarray(with_spots(large_surface("brick", 600, 500), (90, 90), (300, 210), side=24))],
            labels=["dark", "bright"],
            out=tmp_path / "spots.andon",
            transform=transform,
            input=INPUT,
            task="detection",
            activation="sigmoid",
            output=output,
            decision={},
        )

    with pytest.raises(PackError) as caught:
        packed()
    assert '"order": "columns"' in caught.value.hint
    model = andon.load(packed(boxes={"order": "columns"}).path)
    found = model.predict(with_spots(large_surface("brick", 900, 700), (400, 320), side=24))
    assert (found.label, found.verdict) == ("dark", Verdict.NotOK)
    assert all(392 <= box.x <= 424 and 312 <= box.y <= 344 for box in found.boxes)
