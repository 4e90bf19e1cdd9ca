"""Tests of fitting another preparation to what a transform made."""

import msgspec
import numpy as np
import pytest
from PIL import Image

from andon.build.fit import Candidate, Evidence, fit_candidate
from andon.bundle.input_spec import InputSpec
from tests.support.author import INPUT, MEAN, STD, Author, photo

SPEC = msgspec.convert(INPUT, InputSpec)


def evidence(author: Author) -> list[Evidence]:
    """Give one image as a transform prepares it."""
    image = photo(0)
    return [Evidence(image=image, model_input=author(image).numpy())]


def test_the_right_candidate_leaves_nothing_over_and_finds_factor_and_shift() -> None:
    """The fit tells what a grey level becomes: 1 / 255 / std, and what 0 becomes: - mean / std."""
    fit = fit_candidate(evidence(Author()), Candidate(spec=SPEC))
    assert fit is not None
    assert fit.rms < 1e-3
    assert fit.factor == pytest.approx(1 / 255 / np.array(STD), rel=1e-4)
    assert fit.shift == pytest.approx(-np.array(MEAN) / np.array(STD), rel=1e-4)


@pytest.mark.parametrize("moved", [(1, 0), (0, -2), (-3, 2)])
def test_a_shift_is_compared_where_both_overlap(moved: tuple[int, int]) -> None:
    """A candidate moved as the transform is leaves nothing over, one moved the other way much."""
    shown = evidence(Author(moved=moved))
    right = fit_candidate(shown, Candidate(spec=SPEC, shift=moved))
    wrong = fit_candidate(shown, Candidate(spec=SPEC, shift=(-moved[0], -moved[1])))
    assert right is not None
    assert wrong is not None
    assert right.rms < 1e-3 < wrong.rms


def test_another_size_cannot_be_compared() -> None:
    """Where the shapes differ there is no fit."""
    assert fit_candidate(evidence(Author(crop=40)), Candidate(spec=SPEC)) is None


def test_a_constant_model_input_explains_nothing() -> None:
    """Values that show nothing of the pixels would fit everything."""
    image = photo(0)
    blank = Author()(Image.new("RGB", image.size)).numpy() * 0
    fit = fit_candidate([Evidence(image=image, model_input=blank)], Candidate(spec=SPEC))
    assert fit is not None
    assert fit.rms == float("inf")
