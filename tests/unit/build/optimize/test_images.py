"""The images to compare on are read once and prepared as the bundle does it."""

from pathlib import Path

import numpy as np
import pytest

from andon.build.optimize.images import read_given, read_truths
from andon.bundle.archive import read_bundle
from andon.errors import PackError, UsageError
from andon.model.steps import load_steps
from tests.support.bundles import LABELS
from tests.support.finders import TILE, texture, write_finder


def read(bundle: Path, paths: list[Path], truths: dict[str, str] | None = None):
    """Read images for a bundle, and tell of no progress."""
    opened = read_bundle(bundle)
    steps = load_steps(opened.manifest.input, opened.manifest.output)
    return read_given(paths, opened, steps, truths or {}, lambda *_: None)


def test_images_are_prepared_and_their_folders_say_what_they_are(colours: Path, parts: list[Path]) -> None:
    """As the bundle does it: uint8 (32, 32, 3); the truth is the position of the label."""
    given = read(colours, parts[:4])
    assert [image.shape for image in given.images] == [(32, 32, 3)] * 4
    assert given.images[0].dtype == np.uint8
    assert given.truths == (0, 1, 2, 0)
    assert not given.are_golden


def test_a_list_of_labels_counts_before_the_folder(colours: Path, parts: list[Path]) -> None:
    """For the image that it names."""
    assert read(colours, parts[:2], {str(parts[0]): "blue"}).truths == (2, 1)


def test_the_digest_is_that_of_the_images(colours: Path, parts: list[Path]) -> None:
    """Other images, another digest; it does not depend on their names."""
    assert read(colours, parts[:3]).digest == read(colours, parts[:3]).digest
    assert read(colours, parts[:3]).digest != read(colours, parts[1:4]).digest


def test_files_that_are_no_images_are_left_out_with_a_note(colours: Path, parts: list[Path], tmp_path: Path) -> None:
    """The first one is named; with none left that is an error."""
    (tmp_path / "bad.png").write_bytes(b"no image")
    absent = tmp_path / "absent.png"
    given = read(colours, [tmp_path / "bad.png", parts[0], absent])
    assert len(given.images) == len(given.truths) == 1
    assert given.notes[0].startswith(f"2 images are left out, the first is {tmp_path / 'bad.png'}: ")
    with pytest.raises(PackError, match="no image can be used") as caught:
        read(colours, [absent])
    assert caught.value.code == "optimize.data"


def test_without_images_the_golden_samples_stand_in(colours: Path) -> None:
    """And it is said how little they prove."""
    given = read(colours, [])
    assert given.are_golden
    assert len(given.images) == 3
    assert "3 golden samples" in given.notes[0]


def test_large_images_become_tiles(tmp_path: Path) -> None:
    """Several of one image, each of the size that the graph takes."""
    from PIL import Image

    bundle = write_finder(tmp_path / "finder.andon", "map")
    Image.fromarray(texture(3 * TILE, 2 * TILE)).save(tmp_path / "large.png")
    given = read(bundle, [tmp_path / "large.png"])
    assert len(given.images) > 1
    assert {image.shape[:2] for image in given.images} == {(TILE, TILE)}


def test_a_list_of_labels_is_read() -> None:
    """Paths are relative to its folder; a heading is passed over."""
    found = read_truths("image,label\na/1.png,red\n2.png,blue\n\n", Path("parts"), LABELS, "truth.csv")
    assert found == {"parts/a/1.png": "red", "parts/2.png": "blue"}


@pytest.mark.parametrize("line", ["1.png", "1.png,purple", "1.png,red,green"])
def test_a_line_that_says_nothing_is_refused(line: str) -> None:
    """With its number and the labels that there are."""
    with pytest.raises(UsageError, match="one of the labels red, green, blue") as caught:
        read_truths(f"2.png,red\n{line}\n", Path(), LABELS, "truth.csv")
    assert caught.value.where == "truth.csv, line 2"
