"""How far two arrays are apart is one number, and infinity where there is none."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.tensors import relative_difference, sides_in_words


@pytest.mark.parametrize(
    ("found", "expected", "difference"),
    [
        ([1, 2, 4], [1, 2, 4], 0.0),
        ([1, 2, 5], [1, 2, 4], 0.25),
        ([-5, 2, 0], [-4, 2, 0], 0.25),
        ([0, 0], [0, 0], 0.0),
        ([0, 1e-9], [0, 0], float("inf")),
        ([], [], 0.0),
        ([1, 2], [1, 2, 3], float("inf")),
        ([[1, 2]], [1, 2], float("inf")),
        ([1, np.nan], [1, 2], float("inf")),
        ([1, 2], [1, np.inf], float("inf")),
        ([np.inf], [np.inf], float("inf")),
    ],
)
def test_a_difference_is_relative_to_the_largest_expected_value(found: Any, expected: Any, difference: float) -> None:
    """Equal is 0; another shape, or a number that is not finite, is infinitely far."""
    found, expected = np.array(found, np.float32), np.array(expected, np.float32)
    assert relative_difference(found, expected) == pytest.approx(difference)


def test_a_shape_is_told_with_its_open_sides() -> None:
    """As in every message about one."""
    assert sides_in_words((1, None, 3)) == "1, any, 3"
    assert sides_in_words(()) == ""


def test_integers_do_not_wrap_around() -> None:
    """Pixels of 0 and 255 are 255 apart."""
    assert relative_difference(np.array([0, 255], np.uint8), np.array([255, 255], np.uint8)) == 1.0


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=9), st.floats(0.5, 2))
def test_the_unit_of_the_numbers_does_not_matter(values: list[float], factor: float) -> None:
    """Scaling both sides leaves the difference as it is, up to float32."""
    expected = np.array(values, np.float64)
    found = expected * 1.001
    scaled = relative_difference(found * factor, expected * factor)
    assert scaled == pytest.approx(relative_difference(found, expected), rel=1e-6)
