"""Tests of watching where own code puts what is in an image."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from andon.build.own_places import require_stretched
from andon.build.samples import read_samples
from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import OutputSpec
from andon.errors import PackError
from andon.model.steps import Steps
from tests.support.author import photo
from tests.support.pictures import deep_photo

(SAMPLE,) = read_samples([photo(3, (300, 200))])
SPEC = InputSpec(prepare="own:code")
BOXES, MAP, SCORES = (OutputSpec(labels=("a", "b"), kind=kind) for kind in ("boxes", "map", "logits"))


def watched(code: Callable[[Image.Image], Any], *, output: OutputSpec = BOXES, spec: InputSpec = SPEC) -> None:
    """Watch own code at a photo."""
    require_stretched(SAMPLE, Steps(spec, output, prepare=code))


def floats(pixels: Any) -> np.ndarray:
    """Give a Pillow image as float32 (C, H, W)."""
    return np.asarray(pixels, np.float32).transpose(2, 0, 1) / 255


STRETCHING = {
    "pixels": lambda image: np.asarray(image.resize((64, 48))),
    "floats": lambda image: floats(image.resize((224, 224))),
    "contrast of dull images": lambda image: np.asarray(ImageOps.autocontrast(image.point(lambda x: x // 3))),
    "contrast of the whole": lambda image: np.asarray(ImageOps.autocontrast(image.resize((64, 64)), cutoff=2)),
    "equalised": lambda image: np.asarray(ImageOps.equalize(image.resize((64, 64)))),
    "nothing": np.asarray,
}
MOVING = {
    "centre crop": lambda image: np.asarray(image.resize((300, 200)).crop((50, 0, 250, 200)).resize((64, 64))),
    "letterbox": lambda image: np.asarray(ImageOps.pad(image, (64, 64))),
    "mirror": lambda image: floats(ImageOps.mirror(image)),
    "turned": lambda image: np.asarray(image.resize((64, 64)).transpose(Image.Transpose.TRANSPOSE)),
    "nothing to see": lambda _: np.zeros((8, 8, 3), np.uint8),
}


@pytest.mark.parametrize("name", STRETCHING)
def test_code_that_stretches_the_image_is_taken(name: str) -> None:
    """Whatever else it does to levels."""
    watched(STRETCHING[name])
    watched(STRETCHING[name], output=MAP)


@pytest.mark.parametrize("name", MOVING)
def test_code_that_moves_places_is_refused(name: str) -> None:
    """Boxes would lie beside what they are of; where the answer has no places it does not matter."""
    for output in (BOXES, MAP):
        with pytest.raises(PackError, match="comes out of own:code") as caught:
            watched(MOVING[name], output=output)
        assert (caught.value.code, caught.value.where) == ("pack.prepare", "sample 0")
        assert "roi" in caught.value.hint
    watched(MOVING[name], output=SCORES)


def test_without_own_code_nothing_is_watched() -> None:
    """Where declared steps put places is known."""
    require_stretched(SAMPLE, Steps(InputSpec(), BOXES))


def test_code_that_fails_on_marks_is_named() -> None:
    """It has taken the image without."""
    answers = iter([np.zeros((8, 8, 3), np.uint8)])
    with pytest.raises(PackError, match="own:code failed: StopIteration") as caught:
        watched(lambda _: next(answers))
    assert (caught.value.code, caught.value.where) == (
        "pack.prepare",
        "sample 0, with marks in it to see where they come out",
    )


def test_deep_images_are_watched_too() -> None:
    """In all their levels."""
    spec = InputSpec(prepare="own:code", color="L", depth=16)
    sample = read_samples([Image.fromarray(deep_photo())])[0]

    def watch(code: Callable[[np.ndarray], np.ndarray]) -> None:
        steps = Steps(spec, BOXES, prepare=lambda image: code(np.asarray(image, np.float32))[None])
        require_stretched(sample, steps)

    watch(lambda levels: levels / 65535)
    with pytest.raises(PackError, match="wrong places"):
        watch(lambda levels: levels[:, ::-1] / 65535)
