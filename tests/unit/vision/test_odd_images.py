"""Hundreds of odd images: each is the picture that Pillow gives, or a typed error; never anything else."""

import io
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.errors import ImageError
from andon.settings.limits import Limits
from andon.vision.decode import decode
from andon.vision.depth import DEEP_MODES
from tests.support.odd_images import OddImage, cut_images, damaged_images, lying_images, whole_images

ROOT = Path(__file__).parents[3]
SMALL = Limits(max_image_pixels=4_000_000)
SPECS = (InputSpec(), InputSpec(color="L"), InputSpec(color="L", depth=12), InputSpec(color="L", depth=16))
WHOLE = [image for image in whole_images() if "refused" not in image.name]


def picture(data: bytes, spec: InputSpec) -> np.ndarray | str:
    """Decode an image; the code of the error in its place."""
    try:
        return np.asarray(decode(data, spec, SMALL))
    except ImageError as error:
        return error.code


def of_pillow(data: bytes, spec: InputSpec) -> np.ndarray | None:
    """Give what a notebook sees: `PIL.Image.open` and `convert`; None where it is of another depth than declared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data))
        image.load()
        is_deep = image.mode in DEEP_MODES
        if is_deep != (spec.depth > 8):
            return None
        if is_deep:
            return np.asarray(image).astype(np.uint16)
        image.info.pop("transparency", None)
        return np.asarray(image.convert("L" if spec.color == "L" else "RGB"))


def test_there_are_hundreds() -> None:
    """Whole, cut, damaged and lying ones together."""
    assert len(WHOLE) + sum(1 for made in (cut_images(), damaged_images(), lying_images()) for _ in made) >= 500


@pytest.mark.parametrize("image", WHOLE, ids=lambda image: image.name)
def test_a_sound_image_has_the_pixels_that_pillow_gives(image: OddImage) -> None:
    """In colour, in grey, and deep in one of the depths; in any other than its own it is refused."""
    seen = 0
    for spec in SPECS:
        found, expected = picture(image.data, spec), of_pillow(image.data, spec)
        if expected is None or (spec.depth > 8 and isinstance(found, str)):
            assert found == "image.depth"
        else:
            np.testing.assert_array_equal(found, expected)
            seen += 1
    assert seen


@pytest.mark.parametrize("image", list(cut_images()), ids=lambda image: image.name)
def test_a_cut_image_is_refused_or_whole(image: OddImage) -> None:
    """No pixel is made up for one that is missing."""
    for spec in SPECS:
        found = picture(image.data, spec)
        if not isinstance(found, str):
            np.testing.assert_array_equal(found, of_pillow(image.whole, spec))


@pytest.mark.parametrize("image", list(damaged_images()), ids=lambda image: image.name)
def test_a_damaged_image_is_what_pillow_makes_of_it_or_an_error(image: OddImage) -> None:
    """Nothing else is raised, and nothing is warned of. What no checksum shows is to nobody a damage."""
    for spec in SPECS:
        found = picture(image.data, spec)
        if not isinstance(found, str):
            np.testing.assert_array_equal(found, of_pillow(image.data, spec))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_thousands_of_damaged_images_are_what_pillow_makes_of_them_or_errors(seed: int) -> None:
    """Other damages to each kind of file, the same ones each time."""
    for image in damaged_images(seed=seed):
        test_a_damaged_image_is_what_pillow_makes_of_it_or_an_error(image)


@pytest.mark.parametrize("image", list(lying_images()), ids=lambda image: image.name)
def test_a_lying_image_is_refused(image: OddImage) -> None:
    """With the code of an image, before it fills the memory; some lies are told of what no pixel depends on."""
    for spec in SPECS:
        found = picture(image.data, spec)
        if not isinstance(found, str):
            np.testing.assert_array_equal(found, of_pillow(image.whole or image.data, spec))


@pytest.mark.slow
def test_lies_and_bombs_cost_neither_memory_nor_time() -> None:
    """All of them together, in a process of its own: what Pillow would reserve in C counts too."""
    program = (
        "import resource, time\n"
        "from tests.support.odd_images import lying_images\n"
        "from tests.unit.vision.test_odd_images import SPECS, picture\n"
        "images = list(lying_images())\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "started = time.process_time()\n"
        "for image in images:\n"
        "    picture(image.data, SPECS[0])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - started)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    more_kb, seconds = map(float, ran.stdout.split())
    assert more_kb < 64 * 1024
    assert seconds < 5
