"""Tests of `andon bench tune`."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.bench import tune as module
from andon.bench.search import Candidate
from tests.support.bundles import write_colours
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


@pytest.mark.slow
def test_settings_are_written_and_the_next_command_is_told(
    run: Run, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trials are data, what was found is talk."""
    monkeypatch.setattr(module, "candidates", lambda _cores: [Candidate(workers=1, threads=1, max_batch=1)])
    bundle, out = write_colours(tmp_path / "c.andon"), tmp_path / "serve.toml"
    ran = run("bench", "tune", bundle, "--images", parts / "*.[pJ]*", "-o", out, "--seconds", 0.2, "--json")
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    assert tomllib.loads(out.read_text())["serve"] == document["best"]
    assert f"next: andon serve {bundle} --settings {out}" in ran.err
    assert "round 1: 1 workers, 1 threads, batch 1:" in ran.err


def test_ctrl_c_leaves_no_file(run: Run, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a search chooses nothing, and that is said."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "tune", interrupt)
    ran = run("bench", "tune", "x.andon", "--images", parts / "a.png", "-o", tmp_path / "s.toml")
    assert (ran.code, "nothing was written" in ran.err) == (130, True)
    assert not (tmp_path / "s.toml").exists()


def test_a_promise_without_a_rate_is_wrong_use(run: Run, parts: Path, tmp_path: Path) -> None:
    """Before minutes are spent."""
    ran = run("bench", "tune", "x.andon", "--images", parts / "a.png", "-o", tmp_path / "s.toml", "--rate", 5)
    assert ran.code == 2
    assert "give both" in ran.err


def test_a_folder_that_is_not_there_is_told_before(run: Run, parts: Path, tmp_path: Path) -> None:
    """As is a bundle that is not."""
    ran = run("bench", "tune", "x.andon", "--images", parts / "a.png", "-o", tmp_path / "no" / "s.toml")
    assert (ran.code, "environment.write" in ran.err) == (3, True)
    ran = run("bench", "tune", tmp_path / "x.andon", "--images", parts / "a.png", "-o", tmp_path / "s.toml")
    assert "bundle.missing" in ran.err
