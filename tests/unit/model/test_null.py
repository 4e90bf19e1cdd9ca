"""A model without a bundle answers `null` for every image."""

import numpy as np

from andon.model.null import null_model
from andon.predictions import Verdict


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


def test_it_says_that_it_is_none() -> None:
    """Its name is `null`, nothing was proven, and its digest is always the same."""
    model = null_model()
    assert (model.name, model.labels, model.proof) == ("null", ("null",), None)
    assert model.digest == null_model().digest
    assert model.version == model.digest[:12]


def test_it_answers_its_canary() -> None:
    """A small image, so that readiness means that decoding works."""
    model = null_model()
    assert model.canary is not None
    assert model.canary.holds(model.predict(model.canary.image))
