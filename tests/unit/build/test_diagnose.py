"""Tests of the words and codes of a diagnosis; tests/unit/build/test_compare.py plants the faults."""

import msgspec
import numpy as np

from andon.build.diagnose import diagnose
from andon.build.fit import Evidence
from andon.bundle.input_spec import InputSpec
from andon.vision.prepare import normalise, prepare
from tests.support.author import INPUT, Author, photo

OPENCV = msgspec.convert(
    {**INPUT, "resize": {**INPUT["resize"], "interpolation": "area", "antialias": False}}, InputSpec
)
SPEC = msgspec.convert(INPUT, InputSpec)


def evidence(author: Author) -> list[Evidence]:
    """Give two images as a transform prepares them."""
    return [Evidence(image=photo(n), model_input=author(photo(n)).numpy()) for n in range(2)]


def test_a_reason_that_explains_all_is_exact() -> None:
    """The caller may then refuse differences of less than a grey level, too."""
    assert diagnose(evidence(Author(mean=(0.486, 0.456, 0.406))), SPEC).is_exact


def test_noise_is_not_explained_exactly() -> None:
    """Rounding that no declaration has is called what it is."""
    random = np.random.default_rng(0)
    noisy = [
        Evidence(image=item.image, model_input=item.model_input + random.normal(0, 0.002, item.model_input.shape))
        for item in evidence(Author())
    ]
    found = diagnose(noisy, SPEC)
    assert not found.is_exact
    assert "rounds or clips" in found.reason


def test_the_hint_is_what_to_declare() -> None:
    """It can be copied into the declaration."""
    assert diagnose(evidence(Author(bgr=True)), SPEC).hint == 'declare "color": "BGR"'


def test_a_kernel_of_opencv_is_recognised() -> None:
    """The library is named, and the hint says how it is declared."""
    shown = [
        Evidence(image=image, model_input=normalise(prepare(image, OPENCV), OPENCV)) for image in (photo(0), photo(1))
    ]
    found = diagnose(shown, SPEC)
    assert found.code == "pack.mismatch.interpolation"
    assert '"area" of OpenCV, declared is "bicubic" of Pillow' in found.reason
    assert found.hint == 'declare "interpolation": "area", "antialias": false'


def test_stages_are_told_apart() -> None:
    """Wrong pixels are a matter of the preparation, wrong values of the model input."""
    assert diagnose(evidence(Author(moved=(1, 0))), SPEC).stage == "pixels"
    assert diagnose(evidence(Author(divisor=1.0)), SPEC).stage == "model input"


def test_another_number_of_channels_is_said_first() -> None:
    """Nothing else can be compared then."""
    grey = msgspec.convert({**INPUT, "color": "L", "mean": [0.5], "std": [0.5]}, InputSpec)
    shown = [Evidence(image=photo(0).convert("L"), model_input=Author()(photo(0)).numpy())]
    found = diagnose(shown, grey)
    assert found.code == "pack.mismatch.channels"
    assert "3 channels, 1 are declared" in found.reason
