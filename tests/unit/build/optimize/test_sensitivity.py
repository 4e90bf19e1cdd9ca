"""The most sensitive nodes first, and as few of them as it takes."""

import numpy as np
import pytest

from andon.build.optimize.sensitivity import most_sensitive_first, noise, smallest_that_holds


def test_noise_is_the_mean_squared_difference() -> None:
    """Over all numbers of all images."""
    expected = [np.zeros(2, np.float32), np.ones(2, np.float32)]
    assert noise([np.array([1, 0], np.float32), np.array([1, 3], np.float32)], expected) == pytest.approx(5 / 4)
    assert noise(expected, expected) == 0


@pytest.mark.parametrize("found", [np.zeros(3, np.float32), np.array([0, np.nan], np.float32)])
def test_what_cannot_be_compared_is_the_loudest(found: np.ndarray) -> None:
    """Another shape, or numbers that are none, are infinitely far."""
    assert noise([found], [np.zeros(2, np.float32)]) == float("inf")


def test_nodes_are_sorted_by_their_noise() -> None:
    """The loudest first; of equals the first of the graph."""
    assert most_sensitive_first({"a": 1.0, "b": 3.0, "c": 1.0}) == ["b", "a", "c"]


@pytest.mark.parametrize("smallest", range(1, 22))
def test_the_smallest_number_is_found_and_none_tried_twice(smallest: int) -> None:
    """Whatever it is, with few attempts; None where it is above the largest."""
    tried: list[int] = []

    def holds(number: int) -> bool:
        tried.append(number)
        return number >= smallest

    assert smallest_that_holds(20, holds) == (smallest if smallest <= 20 else None)
    assert len(set(tried)) == len(tried) <= 9
    assert all(1 <= number <= 20 for number in tried)


def test_nothing_is_tried_where_no_number_is_worth_it() -> None:
    """A graph of two nodes keeps none of them."""
    assert smallest_that_holds(0, lambda _: pytest.fail("tried")) is None
