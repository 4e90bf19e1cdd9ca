"""Tests of numbers in words."""

import pytest

from andon.cli.words import count_in_words, difference_in_words, size_in_words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (18_540_000, "18.5 MB"),
        (4 * 10**9, "4.0 GB"),
        (5 * 10**12, "5000.0 GB"),
    ],
)
def test_a_size_has_the_unit_that_fits(size_bytes: int, words: str) -> None:
    """No number before a unit reaches 1000, but for what is larger than any unit."""
    assert size_in_words(size_bytes) == words


def test_a_difference_has_two_digits() -> None:
    """More digits than that mean nothing; the infinite is said as such."""
    assert [difference_in_words(value) for value in (0.0, 0.001234, 1e-7, float("inf"))] == [
        "0",
        "0.0012",
        "1e-07",
        "inf",
    ]


@pytest.mark.parametrize(("number", "words"), [(0, "0 images"), (1, "1 image"), (1200, "1,200 images")])
def test_a_count_agrees_with_its_noun(number: int, words: str) -> None:
    """One has no plural, and thousands are set apart."""
    assert count_in_words(number, "image") == words
