"""A model without a bundle answers `null` for every image."""

import numpy as np
from PIL import Image

from andon.model.null import null_model
from andon.predictions import Verdict
from andon.settings.limits import Limits
from tests.support.pictures import encoded, photo


def test_any_image_is_null() -> None:
    """Of any size; a bad one still is an error of its own."""
    model = null_model()
    for size in ((1, 1), (7, 300)):
        prediction = model.predict(np.zeros((*size, 3), np.uint8))
        assert (prediction.label, prediction.score, prediction.error) == ("null", 1.0, None)
        assert prediction.verdict is Verdict.Undefined
    failed = model.predict(b"no image")
    assert failed.error is not None
    assert failed.error.code == "image.format"


def test_only_the_header_is_looked_at() -> None:
    """What it shows is refused as any model does; damage among the pixels is not seen, for none is decoded."""
    model = null_model()
    model.limits = Limits(max_image_pixels=100)
    for image, code in (
        (encoded(photo(11, 10), "PNG"), "image.pixels"),
        (np.zeros((11, 10), np.uint8), "image.pixels"),
        (np.zeros((5, 5, 4), np.uint8), "image.shape"),
        (np.zeros((5, 5), np.float32), "image.depth"),
        (encoded(photo(9, 9), "JPEG")[:-40], "image.truncated"),
    ):
        error = model.predict(image).error
        assert error is not None
        assert error.code == code
    damaged = bytearray(encoded(photo(10, 10), "JPEG"))
    damaged[-30:-2] = bytes(28)
    assert model.predict(bytes(damaged)).label == "null"
    assert model.predict(Image.new("RGB", (10, 10))).label == "null"


def test_it_says_that_it_is_none() -> None:
    """Its name is `null`, nothing was proven, and its digest is always the same."""
    model = null_model()
    assert (model.name, model.labels, model.proof) == ("null", ("null",), None)
    assert model.digest == null_model().digest
    assert model.version == model.digest[:12]


def test_it_answers_its_canary() -> None:
    """A small image."""
    model = null_model()
    assert model.canary is not None
    assert model.canary.holds(model.predict(model.canary.image))
