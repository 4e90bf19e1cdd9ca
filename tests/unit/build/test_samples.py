"""Tests of the images to pack with, the author's and the made ones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from andon.build.samples import Sample, noise, read_samples, upside_down
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.vision.decode import decode
from tests.support.author import photo


def test_pillow_images_are_kept_without_loss() -> None:
    """A sample given as an image is stored as PNG, pixel for pixel."""
    (sample,) = read_samples([photo(1)])
    assert np.array_equal(np.asarray(sample.open()), np.asarray(photo(1)))
    assert sample.suffix == "png"


def test_files_are_read_when_they_are_needed(tmp_path: Path) -> None:
    """Thousands of samples do not stay in memory; one that has gone meanwhile is named."""
    path = tmp_path / "part.jpg"
    photo(1).save(path)
    (sample,) = read_samples([path])
    assert sample.data == b""
    assert sample.encoded == path.read_bytes()
    assert sample.size_bytes == path.stat().st_size
    assert sample.suffix == "jpg"
    path.unlink()
    with pytest.raises(PackError) as caught:
        _ = sample.encoded
    assert caught.value.code == "pack.samples"


@pytest.mark.parametrize("samples", [None, 5, "part.png", b"png", [5], [None], [Image.new("F", (4, 4))], []])
def test_what_is_no_list_of_images_is_refused(samples: object) -> None:
    """Nothing but an error of ours comes out."""
    with pytest.raises(PackError) as caught:
        read_samples(samples)  # type: ignore[arg-type] # on purpose
    assert caught.value.code == "pack.samples"


def test_made_images_are_always_the_same() -> None:
    """They may become part of a bundle's bytes, so they must not change from run to run."""
    for make in (noise, upside_down):
        assert make((56, 70)) == make((56, 70))


def test_noise_is_in_colour_unless_the_model_is_grey() -> None:
    """Grey images hide the order of channels; a model of one channel has none."""
    assert np.ptp(np.asarray(noise((30, 40)).open()), axis=2).max() > 50
    assert noise((30, 40), grey=True).open().mode == "L"
    assert noise((30, 40)).open().size == (40, 30)


def test_the_upside_down_image_is_turned_by_who_heeds_exif() -> None:
    """Its size stays, its content moves."""
    sample: Sample = upside_down((30, 40))
    stored, turned = sample.open(), ImageOps.exif_transpose(sample.open())
    assert sample.suffix == "jpg"
    assert stored.size == turned.size == (40, 30)
    assert np.array_equal(np.asarray(turned), np.asarray(stored)[::-1, ::-1])


@pytest.mark.parametrize(("form", "suffix"), [("TIFF", "tif"), ("BMP", "bmp"), ("WEBP", "webp"), ("GIF", "gif")])
def test_a_file_of_any_format_is_kept_as_it_is(tmp_path: Path, form: str, suffix: str) -> None:
    """What its name ends with is told by its first bytes."""
    path = tmp_path / "part.image"
    photo(1).save(path, form)
    (sample,) = read_samples([path])
    assert (sample.suffix, sample.encoded) == (suffix, path.read_bytes())


def test_deep_samples_are_made_and_kept_with_all_their_bits() -> None:
    """Noise that uses the upper bits too; the turned one is a PNG, since no JPEG has so many."""
    spec = InputSpec(color="L", depth=12, orientation="exif")
    plain, turned = (np.asarray(decode(make((30, 40), depth=12).encoded, spec)) for make in (noise, upside_down))
    assert 3000 < plain.max() < 4096
    np.testing.assert_array_equal(turned, plain[::-1, ::-1])
    (kept,) = read_samples([Image.fromarray(plain)])
    np.testing.assert_array_equal(np.asarray(kept.open()), plain)
