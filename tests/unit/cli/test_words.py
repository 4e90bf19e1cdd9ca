"""Tests of numbers in words."""

import pytest

from andon.cli.words import count_in_words, difference_in_words, metrics_in_words, size_in_words


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


def test_half_an_interval_is_a_metric_of_its_own() -> None:
    """Only both ends stand behind their value, and only behind one that is there."""
    metrics = {"a": 0.5, "a, low": 0.25, "b, low": 1e-9, "b, high": 12345678.0}
    assert metrics_in_words(metrics) == ["a 0.5", "a, low 0.25", "b, low 1e-09", "b, high 1.235e+07"]
    assert metrics_in_words({**metrics, "a, high": 0.75})[0] == "a 0.5 (0.25 to 0.75)"
