"""Tests of the progress bar."""

import sys

import pytest

from andon.cli.progress import progress_bar


def pass_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the captured stderr of this test pass for a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def test_on_a_terminal_the_bar_tells_how_far_the_work_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is being done, and how many of how many; nothing of it on stdout."""
    pass_for_a_terminal(monkeypatch)
    with progress_bar() as report:
        report(3, 7, "predicting")
    out, err = capsys.readouterr()
    assert out == ""
    assert "predicting" in err
    assert "3/7" in err


def test_without_a_terminal_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file holds no bars."""
    with progress_bar() as report:
        report(3, 7, "predicting")
    assert capsys.readouterr() == ("", "")


def test_a_bar_can_be_left_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where data go to the same terminal, the bar would be drawn over them."""
    pass_for_a_terminal(monkeypatch)
    with progress_bar(shown=False) as report:
        report(3, 7, "predicting")
    assert capsys.readouterr() == ("", "")
