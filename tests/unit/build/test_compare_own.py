"""Tests of the author's own `prepare`, in a service and in a notebook."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from andon.build.compare_own import compare_own, own_transform, require_own_agreement
from andon.build.samples import read_samples, upside_down
from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import OutputSpec
from andon.errors import MismatchError, PackError
from andon.model.steps import Steps
from tests.support import own_code
from tests.support.author import MEAN, STD, photo

SPEC = InputSpec(prepare="own:code")


def steps(code: Callable[..., Any], spec: InputSpec = SPEC) -> Steps:
    """Give the steps around a graph with own code in them."""
    return Steps(spec, OutputSpec(labels=("ok", "bad")), prepare=code)


(SAMPLE,) = read_samples([photo(1)])


def test_floats_are_what_the_network_sees() -> None:
    """There are no pixels, and nothing is normalised."""
    found = compare_own(SAMPLE, own_transform(steps(own_code.floats)), steps(own_code.floats))
    assert (found.pixels, found.difference, found.is_whole, found.size) == (None, 0, True, (56, 56))
    np.testing.assert_array_equal(found.model_input, own_code.floats(photo(1)))


def test_pixels_are_normalised_as_declared() -> None:
    """Behind the code, in a notebook as in a service."""
    spec = InputSpec(prepare="own:code", mean=MEAN, std=STD)
    found = compare_own(SAMPLE, own_transform(steps(own_code.pixels, spec)), steps(own_code.pixels, spec))
    np.testing.assert_array_equal(found.pixels, own_code.pixels(photo(1)))  # type: ignore[arg-type] # they are there
    np.testing.assert_allclose(found.model_input, own_code.floats(photo(1)), atol=0.01)
    assert found.is_whole


def test_a_transform_of_its_own_is_the_truth() -> None:
    """Where it works in fractions of grey levels, its model input is kept and the pixels are not all there is."""
    spec = InputSpec(prepare="own:code", mean=MEAN, std=STD)
    found = compare_own(SAMPLE, lambda image: own_code.floats(image) + np.float32(0.01), steps(own_code.pixels, spec))
    assert 0.02 < found.difference < 1
    assert not found.is_whole
    np.testing.assert_allclose(found.model_input, own_code.floats(photo(1)) + 0.01, atol=1e-6)


def test_code_that_sees_another_image_in_a_service_is_refused() -> None:
    """One that turns images as EXIF says sees none of that where images are taken as stored; declared, it agrees."""
    turned = upside_down((81, 97))
    compare = functools.partial(compare_own, turned, own_transform(steps(own_code.turning)))
    with pytest.raises(MismatchError, match="grey levels apart") as caught:
        require_own_agreement([compare(steps(own_code.floats))], SPEC)
    assert caught.value.code == "pack.mismatch.prepare"
    assert caught.value.where == turned.name
    upright = InputSpec(prepare="own:code", orientation="exif")
    agreement = require_own_agreement([compare(steps(own_code.floats, upright))], upright)
    assert (agreement.worst_difference, agreement.sizes) == (0, {(56, 56)})


def test_another_shape_is_a_mismatch() -> None:
    """It has no difference in grey levels."""
    found = compare_own(SAMPLE, lambda image: own_code.floats(image)[:, 1:], steps(own_code.floats))
    with pytest.raises(MismatchError, match="not of the same shape"):
        require_own_agreement([found], SPEC)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (own_code.grey_only, "ValueError: mode RGB"),
        (own_code.flat, "of the shape (9408,)"),
        (lambda _: None, "expected floats"),
    ],
)
def test_code_that_fails_is_named_with_the_sample(code: Callable[..., Any], words: str) -> None:
    """In a service as in a notebook."""
    with pytest.raises(PackError) as caught:
        compare_own(SAMPLE, own_code.floats, steps(code))
    assert (caught.value.code, caught.value.where) == ("pack.prepare", "sample 0")
    assert words in caught.value.message
    with pytest.raises(PackError) as caught:
        compare_own(SAMPLE, own_transform(steps(code)), steps(own_code.floats))
    assert (caught.value.code, caught.value.where) == ("pack.prepare", "sample 0")
    assert words in caught.value.message
    assert "PIL.Image.open" not in caught.value.message  # the mode is that of a service


def test_an_image_of_another_mode_is_told_of() -> None:
    """A service would convert it first; a notebook does not."""
    (grey,) = read_samples([Image.new("L", (60, 60), 90)])
    colour_only = steps(lambda image: np.asarray(image)[:, :, :3])
    with pytest.raises(PackError, match="an image of mode L") as caught:
        compare_own(grey, own_transform(colour_only), colour_only)
    assert "image.convert" in caught.value.hint


def test_an_answer_of_the_wrong_shape_is_not_blamed_on_the_mode() -> None:
    """The image is as a service would give it."""
    with pytest.raises(PackError) as caught:
        compare_own(SAMPLE, own_transform(steps(own_code.flat)), steps(own_code.floats))
    assert caught.value.hint == ""
