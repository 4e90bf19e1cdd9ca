"""Tests of `andon bench`."""

import json
from collections.abc import Callable
from pathlib import Path

from andon.bench.body import multipart_body
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


def test_the_body_goes_to_stdout_and_nothing_else(run: Run, parts: Path) -> None:
    """Byte for byte what is posted, so that it can be piped."""
    ran = run("bench", "body", parts / "a.png")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.encode() == multipart_body((parts / "a.png").read_bytes(), "a.png", "1234567890")


def test_the_body_is_written_to_a_file_and_the_next_command_is_told(run: Run, parts: Path, tmp_path: Path) -> None:
    """The command of `ab` names the boundary and the file."""
    out = tmp_path / "body.txt"
    ran = run("bench", "body", parts / "a.png", "-o", out)
    assert (ran.code, ran.out) == (0, "")
    assert out.read_bytes() == multipart_body((parts / "a.png").read_bytes(), "a.png", "1234567890")
    assert f'-T "multipart/form-data; boundary=1234567890" -p {out} http://127.0.0.1:5555/run' in ran.err


def test_as_json_it_tells_what_was_written(run: Run, parts: Path, tmp_path: Path) -> None:
    """Without a file, the body itself is the data, and JSON is wrong use."""
    out = tmp_path / "body.txt"
    document = json.loads(run("bench", "body", parts / "a.png", "-o", out, "--json").out)
    assert document["size_bytes"] == out.stat().st_size
    assert document["boundary"] == "1234567890"
    assert run("bench", "body", parts / "a.png", "--json").code == 2


def test_what_is_no_image_is_refused(run: Run, parts: Path, tmp_path: Path) -> None:
    """A load test of refusals would look like a very fast service."""
    ran = run("bench", "body", parts / "notes.txt", "-o", tmp_path / "body.txt")
    assert (ran.code, ran.out) == (1, "")
    assert "ImageError [image.format]" in ran.err
    assert str(parts / "notes.txt") in ran.err
    assert not (tmp_path / "body.txt").exists()


def test_files_that_cannot_be_read_or_written_are_told(run: Run, parts: Path, tmp_path: Path) -> None:
    """Each with its own exit code: wrong use, environment."""
    assert run("bench", "body", parts / "gone.png").code == 2
    ran = run("bench", "body", parts / "a.png", "-o", tmp_path / "no" / "body.txt")
    assert ran.code == 3
    assert "EnvironmentFault [environment.write]: cannot be written: No such file or directory" in ran.err
