"""Tests of `andon deploy`."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.cli import deploy as module
from andon.deploy import check, nginx
from andon.deploy.check import Check
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


def write(run: Run, out: Path, *more: str) -> Ran:
    """Write a folder before two services."""
    return run("deploy", "nginx", "--upstream", "127.0.0.1:5555", "--upstream", "gpu-2:5555", "-o", out, *more)


def test_a_folder_is_written_and_the_next_commands_are_told(run: Run, tmp_path: Path) -> None:
    """No data, only talk; the commands hold the folder as a shell reads it."""
    ran = write(run, tmp_path / "my front")
    assert (ran.code, ran.out) == (0, "")
    assert f"wrote {tmp_path}/my front/nginx.conf: 2 upstreams, listening on 127.0.0.1:5556" in ran.err
    assert f"next: andon deploy check '{tmp_path}/my front'" in ran.err
    assert f"nginx -p '{tmp_path}/my front' -c nginx.conf" in ran.err
    text = (tmp_path / "my front" / "nginx.conf").read_text()
    assert "server gpu-2:5555 max_fails" in text
    assert "listen 127.0.0.1:5556;" in text


def test_as_json_it_tells_what_was_written(run: Run, tmp_path: Path) -> None:
    """With the defaults that were filled in, or the options."""
    assert json.loads(write(run, tmp_path / "a", "--json").out) == {
        "folder": str(tmp_path / "a"),
        "configuration": str(tmp_path / "a" / "nginx.conf"),
        "listen": "127.0.0.1:5556",
        "upstreams": ["127.0.0.1:5555", "gpu-2:5555"],
        "max_body_bytes": 67108864,
        "deadline_s": 30,
    }
    options = ("--listen", "[::1]:80", "--max-body-bytes", "1000", "--deadline-s", "600")
    document = json.loads(write(run, tmp_path / "b", *options, "--json").out)
    assert (document["listen"], document["max_body_bytes"], document["deadline_s"]) == ("[::1]:80", 1000, 600)
    text = (tmp_path / "b" / "nginx.conf").read_text()
    assert "client_max_body_size 1000;" in text
    assert "proxy_read_timeout 605s;" in text


@pytest.mark.parametrize(
    ("listen", "noted"), [("127.0.0.1:80", False), ("[::1]:80", False), ("0.0.0.0:80", True), ("line-4:80", True)]
)
def test_who_lets_others_in_is_told_about_tokens(run: Run, tmp_path: Path, listen: str, *, noted: bool) -> None:
    """The balancer adds no authentication; on this machine alone that needs no word."""
    ran = write(run, tmp_path / "front", "--listen", listen)
    assert ran.code == 0
    assert ("andon serve FILE --token" in ran.err) is noted


@pytest.mark.parametrize(("user", "mode", "noted"), [(0, 0o700, True), (0, 0o755, False), (1000, 0o700, False)])
def test_root_is_told_where_its_workers_cannot_go(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, mode: int, *, noted: bool
) -> None:
    """Only root has workers of another user, and only a closed folder keeps them out."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr("andon.deploy.folder.is_closed_to_others", lambda _: mode == 0o700)
    ran = write(run, tmp_path / "front")
    assert ("works as another user" in ran.err) is noted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--upstream", "gpu-1"), "'gpu-1' has no host or no port"),
        (("--upstream", "0.0.0.0:5555"), "stands for all addresses"),
        (("--upstream", "localhost:5555", "--upstream", "127.0.0.1:5555"), "given twice"),
        (("--upstream", "127.0.0.1:5556"), "nginx would ask itself"),
        (("--upstream", "gpu-1:5555", "--listen", "5556"), "'5556' has no host or no port"),
    ],
)
def test_wrong_use_writes_nothing(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """The exit code is that of wrong use, and the error says what is right."""
    ran = run("deploy", "nginx", *arguments, "-o", tmp_path / "front")
    assert ran.code == 2
    assert said in ran.err
    assert "hint: " in ran.err or "--upstream" in ran.err
    assert not (tmp_path / "front").exists()


def test_a_folder_of_somebody_is_left_alone(run: Run, tmp_path: Path) -> None:
    """As `andon deploy` says of a file that it did not write."""
    (tmp_path / "notes.txt").touch()
    ran = write(run, tmp_path)
    assert ran.code == 2
    assert "UsageError [deploy.folder]: holds 'notes.txt'" in ran.err


@pytest.mark.parametrize("holds", [True, False])
def test_the_check_is_a_table_and_an_exit_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, holds: bool
) -> None:
    """Each check with its result; 1 where one does not hold."""
    checks = [Check("configuration", holds=True, detail="nginx/1.22.1"), Check("image", holds=holds, detail="seen")]
    monkeypatch.setattr(check, "check_folder", lambda _: checks)
    ran = run("deploy", "check", tmp_path)
    assert ran.code == (0 if holds else 1)
    assert ran.out.splitlines()[0].split() == ["check", "result", "detail"]
    assert ran.out.splitlines()[2].split() == ["image", "holds" if holds else "fails", "seen"]
    assert ("the check failed: 1 of 2" in ran.err) is not holds
    document = json.loads(run("deploy", "check", tmp_path, "--json").out)
    assert document["holds"] is holds
    assert document["checks"][1] == {"name": "image", "holds": holds, "detail": "seen"}


def test_a_folder_that_was_not_written_is_told(run: Run, tmp_path: Path) -> None:
    """Before anything is started."""
    ran = run("deploy", "check", tmp_path / "gone")
    assert ran.code == 2
    assert "no nginx.conf that can be read" in ran.err


def test_the_bounds_of_the_options_are_those_of_the_service() -> None:
    """The help is made without loading what knows them."""
    assert module.MAX_DEADLINE_S == nginx.MAX_DEADLINE_S
    assert str(nginx.DEFAULT_LISTEN) == "127.0.0.1:5556"
