"""Tests of `andon serve` as a command: its settings, and what it refuses before it serves."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import typer.main

from andon.cli.main import app
from andon.settings.meanings import meanings
from andon.settings.serve import ServeSettings
from andon.settings.sources import flag_of, variable_of
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]
NAMES = [field.name for field in msgspec.structs.fields(ServeSettings)]
TOKEN = "sixteen-letters!"  # noqa: S105 -- an example


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take settings of whoever runs the tests out of the environment."""
    for name in NAMES:
        monkeypatch.delenv(variable_of(name), raising=False)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_an_option_with_its_meaning(name: str) -> None:
    """Made from the declaration: none is forgotten, and the help says what it is by default."""
    command = typer.main.get_command(app).commands["serve"]
    (option,) = [parameter for parameter in command.params if parameter.name == name]
    default = getattr(ServeSettings(), name)
    assert flag_of(name) in option.opts
    assert option.default is None
    assert option.help.split("  [")[0] == meanings(ServeSettings)[name].replace("`", "")
    assert (f"[default: {default}]" in option.help) == (default not in (None, False))


def test_choices_are_shown_and_anything_else_is_refused(run: Run) -> None:
    """In the help, and in what is said of another word."""
    assert "--precision fp32|bf16" in " ".join(run("serve", "--help").out.split())
    ran = run("serve", "--precision", "fp8", "--show-settings")
    assert (ran.code, ran.out) == (2, "")
    assert "hint: give fp32 or bf16 or int8" in ran.err


def test_settings_are_shown_with_where_they_were_set(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag goes before the environment, and that before the file."""
    file = tmp_path / "andon.toml"
    file.write_text("[serve]\nport = 7000\nthreads = 2\nmax_images = 5\n")
    monkeypatch.setenv("ANDON_PORT", "8000")
    monkeypatch.setenv("ANDON_THREADS", "3")
    ran = run("serve", "--settings", file, "--port", "9000", "--probe", "--show-settings", "--json")
    shown = json.loads(ran.out)
    assert list(shown) == NAMES
    assert shown["port"] == {"value": 9000, "source": "--port"}
    assert shown["threads"] == {"value": 3, "source": "ANDON_THREADS"}
    assert shown["max_images"] == {"value": 5, "source": str(file)}
    assert shown["probe"] == {"value": True, "source": "--probe"}
    assert shown["host"] == {"value": "127.0.0.1", "source": "default"}


def test_a_switch_can_be_turned_off_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its other flag, against the environment."""
    monkeypatch.setenv("ANDON_PROBE", "true")
    shown = json.loads(run("serve", "--no-probe", "--show-settings", "--json").out)
    assert shown["probe"] == {"value": False, "source": "--probe"}


def test_a_table_for_people_has_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each setting; what is not set is a dash."""
    monkeypatch.setenv("ANDON_PROBE", "1")
    lines = [re.split(r"\s{2,}", line.strip()) for line in run("serve", "--show-settings").out.splitlines()]
    assert ["probe", "true", "ANDON_PROBE"] in lines
    assert ["token", "-", "default"] in lines
    assert ["trust", "false", "default"] in lines


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_secret_is_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """Only that it is set, and where."""
    monkeypatch.setenv("ANDON_TOKEN", TOKEN)
    ran = run("serve", "--show-settings", *words)
    assert TOKEN not in ran.out + ran.err
    assert "(set)" in ran.out
    assert "ANDON_TOKEN" in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "andon serve scratch.andon, or --null"),
        (["--null", "--json"], "--show-settings"),
        (["--null", "--deadline-ms", "5"], "deadline_ms: expected `int` >= 10"),
        (["--null", "--port", "x"], "port"),
        (["--null", "--settings", "absent.toml"], "cannot be read"),
        (["--null", "--host", "0.0.0.0"], "there is no token"),  # noqa: S104 -- that is what is refused
        (["--null", "--prot", "80"], "--prot"),
    ],
)
def test_wrong_use_is_told(run: Run, words: list[str], said: str) -> None:
    """With the exit code 2, and nothing on stdout."""
    ran = run("serve", "--port", "0", *words) if "--port" not in words else run("serve", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_port_that_is_taken_is_told(run: Run) -> None:
    """With the exit code of a machine that lacks something."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run("serve", "--null", "--port", taken.getsockname()[1])
    assert ran.code == 3
    assert "environment.port" in ran.err
