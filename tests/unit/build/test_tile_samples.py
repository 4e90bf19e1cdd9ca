"""Samples become what the author's transform takes: single tiles."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from andon.build.samples import Sample, read_samples
from andon.build.tile_samples import TILES_A_SAMPLE, as_tiles
from andon.bundle.input_spec import InputSpec, Roi, Tiles
from andon.errors import PackError

TILES = Tiles(size=(40, 50), overlap=10)
SPEC = InputSpec(tiles=TILES)


def noisy(width: int, height: int, *, at: tuple[int, int] | None = None) -> Image.Image:
    """Make a grey picture with noise in one place, or everywhere."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    x, y = at or (0, 0)
    part = pixels[y : y + 20, x : x + 20] if at else pixels
    part[:] = np.random.default_rng(0).integers(0, 256, part.shape)
    return Image.fromarray(pixels)


def opened(sample: Sample) -> Image.Image:
    """Open a sample as the author's code does."""
    return Image.open(io.BytesIO(sample.encoded))


def test_without_tiles_samples_stay_as_they_are() -> None:
    """Of any size."""
    samples = read_samples([noisy(90, 80)])
    assert as_tiles(samples, InputSpec()) == samples


def test_a_sample_of_the_size_of_a_tile_is_one(tmp_path: Path) -> None:
    """The very file: its format, its mode and what stands in it are the author's."""
    path = tmp_path / "tile.jpg"
    noisy(50, 40).save(path)
    samples = read_samples([path])
    assert as_tiles(samples, SPEC) == samples


def test_a_large_sample_is_cut_up_where_there_is_most_to_see() -> None:
    """A few tiles of it, named by their place, of the very pixels."""
    image = noisy(500, 400, at=(300, 200))
    found = as_tiles(read_samples([image]), SPEC)
    assert len(found) == TILES_A_SAMPLE
    assert all(opened(sample).size == (50, 40) for sample in found)
    assert found[0].name.startswith("sample 0, tile at (")
    x, y = (int(number) for number in found[0].name.split("(")[1].rstrip(")").split(","))
    assert np.array_equal(np.asarray(opened(found[0])), np.asarray(image)[y : y + 40, x : x + 50])
    assert x < 320
    assert x + 50 > 300


def test_a_small_sample_goes_on_as_in_a_mirror() -> None:
    """As it will in service."""
    (found,) = as_tiles(read_samples([noisy(30, 20)]), SPEC)
    pixels = np.asarray(opened(found))
    assert pixels.shape == (40, 50, 3)
    assert np.array_equal(pixels[20:], pixels[:20][::-1])
    assert np.array_equal(pixels[:, 30:], pixels[:, 10:30][:, ::-1])


def test_only_the_region_is_cut_up() -> None:
    """A sample that does not hold it is refused with its name."""
    spec = InputSpec(color="L", tiles=TILES, roi=Roi(x=300, y=200, width=60, height=50))
    found = as_tiles(read_samples([noisy(500, 400)]), spec)
    assert all("(30" in sample.name or "(31" in sample.name for sample in found)
    with pytest.raises(PackError) as caught:
        as_tiles(read_samples([noisy(310, 400)]), spec)
    assert caught.value.code == "pack.samples"
    assert caught.value.where == "sample 0"


@pytest.mark.parametrize("color", ["L", "RGB"])
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_the_mode_of_a_sample_stays(mode: str, color: str) -> None:
    """Whatever is declared, with every level: it is for the transform to make something else of it."""
    levels = np.random.default_rng(0).integers(0, 60_000, (90, 70)).astype(np.uint16)
    image = Image.fromarray(levels) if mode == "I;16" else Image.fromarray((levels >> 8).astype(np.uint8)).convert(mode)
    for sample in as_tiles(read_samples([image]), InputSpec(color=color, tiles=TILES)):  # type: ignore[arg-type] # one
        assert opened(sample).mode == mode
        x, y = (int(number) for number in sample.name.split("(")[1].rstrip(")").split(","))
        assert np.array_equal(np.asarray(opened(sample)), np.asarray(image)[y : y + 40, x : x + 50])
