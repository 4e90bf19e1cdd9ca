"""Tests of `andon bench run`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.cli.bench_run import command_in_words
from tests.support.bundles import write_colours
from tests.support.unreliable import Unreliable
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]
SHORT = ("--duration", 0.1, "--warm-up", 0)


@pytest.fixture
def images(parts: Path) -> Path:
    """A folder of images alone."""
    (parts / "notes.txt").unlink()
    return parts


def test_a_service_is_measured_and_shown_as_a_table(run: Run, images: Path) -> None:
    """Data on stdout, doubts on stderr, and exit code 0."""
    with Unreliable() as server:
        ran = run("bench", "run", server.url, "--images", images, *SHORT)
    assert ran.code == 0
    assert f"parts at {server.url}" in ran.out
    assert "good answers a second" in ran.out
    assert "p99.9" in ran.out
    assert "all 3 images got the same label" in ran.err


def test_as_json_the_whole_report_is_one_document(run: Run, images: Path) -> None:
    """With the plan as it was understood."""
    with Unreliable() as server:
        ran = run("bench", "run", server.url, "--images", images, *SHORT, "--rate", 100, "--json")
    document = json.loads(ran.out)
    assert document["plan"]["rate"] == 100
    assert document["plan"]["connections"] == 256
    assert document["requests"]["doubled"] == 0


def test_a_page_is_written_beside(run: Run, images: Path, tmp_path: Path) -> None:
    """Where it is said; a folder that is not there is refused before the measurement."""
    with Unreliable() as server:
        ran = run("bench", "run", server.url, "--images", images, *SHORT, "--html", tmp_path / "r.html")
        assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
        posts = server.posts
        ran = run("bench", "run", server.url, "--images", images, *SHORT, "--html", tmp_path / "no" / "r.html")
        assert server.posts == posts
    assert ran.code == 3
    assert "environment.write" in ran.err


def test_wrong_answers_make_it_fail(run: Run, images: Path) -> None:
    """The exit code is 1, and the kind stands in the table."""
    with Unreliable(lambda number: "other label" if number == 9 else "ok") as server:
        ran = run("bench", "run", server.url, "--images", images, *SHORT)
    assert ran.code == 1
    assert "wrong answer: another label than before" in ran.out


def test_refusals_are_a_result(run: Run, images: Path) -> None:
    """A service that says 429 under load does what it should."""
    with Unreliable(lambda number: "full" if number % 5 == 4 else "ok") as server:
        ran = run("bench", "run", server.url, "--images", images, *SHORT)
    assert ran.code == 0
    assert "429 engine.full" in ran.out


def test_a_bundle_is_measured_in_the_same_table(run: Run, images: Path, tmp_path: Path) -> None:
    """With the way in which it was asked."""
    bundle = write_colours(tmp_path / "colours.andon")
    ran = run("bench", "run", bundle, "--images", images, *SHORT, "--batch", 2, "--threads", 1)
    assert ran.code == 0
    assert "threads 1, batch 2, callers 1" in ran.out
    assert "by stage, ms" in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("127.0.0.1:5555",), "a URL begins with http:// or https://"),
        (("http://127.0.0.1:9", "--threads", 2), "--threads is for a bundle in this process"),
        (("http://127.0.0.1:9", "--connections", 0), "connections is 0, expected 1 to 10000"),
        (("http://127.0.0.1:9", "--rate", "-1"), "rate is -1, expected"),
        (("http://u:p@127.0.0.1:9",), "it holds a user or a password"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(
    run: Run, images: Path, words: tuple[object, ...], said: str
) -> None:
    """With what to write instead."""
    ran = run("bench", "run", *words, "--images", images)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_what_only_a_service_has_is_refused_of_a_bundle(run: Run, images: Path, tmp_path: Path) -> None:
    """A deadline that nobody keeps would look kept."""
    bundle = write_colours(tmp_path / "colours.andon")
    ran = run("bench", "run", bundle, "--images", images, "--deadline-ms", 100)
    assert ran.code == 2
    assert "--deadline-ms is for services" in ran.err


def test_a_token_is_not_repeated() -> None:
    """Reports are passed on; the rest can be typed again."""
    assert (
        command_in_words(["andon", "--token=abc", "--token", "abc", "my x"]) == "andon --token=... --token ... 'my x'"
    )
