"""A wait is foretold from what the last jobs took, and never where nothing is known."""

import pytest

from andon.engine.forecast import Forecast


def learnt(*seconds: float) -> Forecast:
    """Make a forecast that was told of jobs."""
    forecast = Forecast()
    for each in seconds:
        forecast.note(each)
    return forecast


@pytest.mark.parametrize(("ahead", "workers"), [(0, 0), (0, 3), (5, 0), (5, 3)])
def test_nothing_is_foretold_before_the_first_job(ahead: int, workers: int) -> None:
    """So none is refused that would have been the one to learn from."""
    assert Forecast().wait_s(ahead, workers) == 0.0


@pytest.mark.parametrize(
    ("ahead", "workers", "expected"),
    [(0, 1, 0.0), (1, 1, 4.0), (3, 1, 8.0), (3, 3, 4.0), (8, 2, 10.0), (1, 4, 2.5), (5, 0, 0.0)],
)
def test_those_ahead_are_shared_out_and_its_own_time_comes_on_top(ahead: int, workers: int, expected: float) -> None:
    """With nobody ahead, or no worker, nothing is foretold."""
    assert learnt(2.0).wait_s(ahead, workers) == pytest.approx(expected)


def test_single_large_images_do_not_count() -> None:
    """One in ten may take as long as it likes."""
    assert learnt(*[1.0] * 10, 100.0).wait_s(1, 1) == 2.0
    assert learnt(*[1.0] * 9, *[100.0] * 3).wait_s(1, 1) == 200.0


def test_what_is_long_ago_is_forgotten() -> None:
    """Thirty-two jobs are remembered; where they get slower that is seen at once, where faster after those."""
    forecast = learnt(*[1.0] * 27, *[3.0] * 5)
    assert forecast.wait_s(1, 1) == 6.0
    for _ in range(27):
        forecast.note(1.0)
    assert forecast.wait_s(1, 1) == 6.0
    forecast.note(1.0)
    assert forecast.wait_s(1, 1) == 2.0
