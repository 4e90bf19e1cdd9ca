"""Tests of the images that are made to probe a transform."""

import io

import numpy as np
import pytest
from PIL import ImageCms

from andon.build.infer.made import MADE, Studio
from andon.bundle.input_spec import InputSpec
from andon.vision.decode import decode

STUDIO = Studio(grey=False, side=32)


def test_images_are_the_same_whenever_they_are_made() -> None:
    """What is found does not hang on chance."""
    first, second = (
        [sample.data for sample in (*Studio(grey=False, side=20).trials(), Studio(grey=False, side=20).noise((9, 7)))]
        for _ in range(2)
    )
    assert first == second


def test_sizes_are_odd_and_of_several_proportions() -> None:
    """Wide, tall and square, larger and smaller than what comes out."""
    sizes = STUDIO.sizes()
    assert all(side % 2 for size in sizes for side in size)
    assert any(width > 2 * height for width, height in sizes)
    assert any(width < height for width, height in sizes)
    assert any(width == height for width, height in sizes)
    assert min(map(max, sizes)) < 32 < max(map(min, sizes))


def test_a_flat_image_has_one_colour() -> None:
    """All pixels are the one that was asked for."""
    with STUDIO.flat((5, 3), (1, 2, 3)).open() as image:
        assert image.size == (5, 3)
        assert image.getcolors() == [(15, (1, 2, 3))]


def test_a_ramp_rises_between_two_places() -> None:
    """From black to white along one axis, and not along the other."""
    with STUDIO.ramp((9, 4), 0, 2, 6).open() as image:
        row = np.asarray(image)[0, :, 0]
        assert (np.asarray(image) == row[None, :, None]).all()
    assert row.tolist() == [0, 0, 0, 64, 128, 191, 255, 255, 255]
    with STUDIO.ramp((4, 9), 1, 2, 6).open() as image:
        assert (np.asarray(image)[:, 0, 0] == row).all()


def test_noise_holds_to_its_levels() -> None:
    """Both bounds occur, and nothing is beyond them."""
    with STUDIO.noise((90, 70), 40, 60).open() as image:
        assert image.getextrema() == ((40, 60),) * 3


def test_files_say_more_than_pixels() -> None:
    """BMP, TIFF and WebP, a resolution with a gamma, and a colour profile that turns red into blue."""
    files = list(STUDIO.files())
    assert [sample.open().format for sample in files] == ["BMP", "TIFF", "PNG", "WEBP", "JPEG"]
    stated = files[2].open()
    stated.load()
    assert stated.info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert stated.info["gamma"] == pytest.approx(1 / 1.8, abs=1e-4)
    with files[4].open() as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        turned = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert turned is not None
        assert abs(np.asarray(turned).astype(int) - np.asarray(image)[:, :, ::-1]).mean() < 2


def test_grey_and_deep_files_are_fewer() -> None:
    """A profile is of colours, WebP has no grey, and 16 bits go into few formats."""
    assert {sample.open().mode for sample in Studio(grey=True, side=32).files()} == {"L"}
    assert list(Studio(grey=True, side=32, levels=(0, 4095)).files()) == []


def test_without_littlecms_there_is_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow may be built without it."""
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    assert len(list(STUDIO.files())) == 4


def test_trials_show_every_kind_of_image() -> None:
    """Dark, bright, dull, large, tiny, long and tall ones, as PNG and as JPEG, each with a name of its own."""
    trials = list(STUDIO.trials())
    assert all(sample.name.endswith(MADE) for sample in trials)
    assert len({sample.name for sample in trials}) == len(trials)
    means, sizes, formats = [], [], set()
    for sample in trials:
        with sample.open() as image:
            means.append(np.asarray(image).mean())
            sizes.append(image.size)
            formats.add(image.format)
    assert min(means) < 10
    assert max(means) > 245
    assert max(map(max, sizes)) > 4000
    assert min(map(max, sizes)) < 20
    assert formats == {"PNG", "JPEG"}


def test_other_modes_are_those_of_files() -> None:
    """What opens as the mode that it is called."""
    for mode, sample in STUDIO.other_modes():
        with sample.open() as image:
            assert image.mode == mode
    assert {mode for mode, _ in STUDIO.other_modes()} == {"L", "RGBA", "P", "1", "LA", "CMYK"}
    assert "RGB" in dict(Studio(grey=True, side=32).other_modes())


def test_twins_differ_only_for_who_looks_at_the_mode() -> None:
    """Two palettes with the same indices; inks, and colours of the same bytes."""
    for mode, first, second in STUDIO.twins():
        with first.open() as one, second.open() as other:
            assert one.mode == mode
            assert (np.asarray(one)[..., :3] == np.asarray(other)[..., :3]).all()
            assert one.convert("RGB").tobytes() != other.convert("RGB").tobytes()


@pytest.mark.parametrize("orientation", [3, 6])
def test_an_orientation_is_in_the_file(orientation: int) -> None:
    """As a camera writes it."""
    sample = STUDIO.oriented(orientation)
    stored, upright = (decode(sample.encoded, InputSpec(orientation=o)) for o in ("stored", "exif"))  # type: ignore[arg-type] # the two
    assert (stored.size == upright.size) == (orientation == 3)
    assert stored.tobytes() != upright.tobytes()


def test_deep_images_lie_between_their_levels() -> None:
    """Grey levels of 0-255 become those of a range of 16 bits, with all levels between."""
    deep = Studio(grey=True, side=32, levels=(1000, 9000))
    with deep.noise((90, 70)).open() as image:
        levels = np.asarray(image)
    assert image.mode == "I;16"
    assert (levels.min(), levels.max()) == (1000, 9000)
    assert len(np.unique(levels)) > 1000
    assert not list(deep.other_modes())
    with deep.flat_level((3, 2), 777).open() as image:
        assert (np.asarray(image) == 777).all()
    with deep.oriented(3).open() as image:
        assert image.mode == "I;16"
