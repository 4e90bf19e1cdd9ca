"""Tests of the command line as a whole: help, version, exit codes, errors."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import andon
from andon.cli import main as command_line
from andon.cli.output import write
from andon.errors import AndonError, BundleError, EnvironmentFault, UsageError
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Put a command `stumble` in place of all others, which writes a word and raises what it is given."""

    def stumble_with(error: BaseException) -> None:
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
        app.callback()(command_line._root)  # noqa: SLF001 -- the real options

        @app.command()
        def stumble() -> None:
            write("data\n")
            raise error

        monkeypatch.setattr(command_line, "app", app)

    return stumble_with


def test_the_version_is_data(run: Run) -> None:
    """It goes to stdout, alone."""
    assert run("--version") == Ran(0, f"andon {andon.__version__}\n", "")


@pytest.mark.parametrize(
    "command", [(), ("demo",), ("pack",), ("inspect",), ("check",), ("predict",), ("bench",), ("bench", "body")]
)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_a_short_help(run: Run, command: tuple[str, ...], option: str) -> None:
    """It fits a terminal, and a command shows an example that starts with its own name."""
    ran = run(*command, option)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: andon {' '.join(command)}".rstrip())
    assert len(ran.out.splitlines()) <= 45
    if command and command != ("bench",):
        assert re.search(rf"Example:\n\s+\$ andon {' '.join(command)}\b", ran.out)


def test_the_help_lists_the_commands_with_their_first_sentence(run: Run) -> None:
    """None of the sentences is cut."""
    out = run("--help").out
    for name in ("demo", "pack", "inspect", "check", "predict", "bench"):
        assert re.search(rf"^  {name} +[A-Z].*\.$", out, re.MULTILINE), name


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    """That is wrong use, and says how to use it right."""
    ran = run()
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


def test_a_command_that_does_not_exist_is_wrong_use(run: Run) -> None:
    """The one that was meant is named."""
    ran = run("inspekt")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'inspect'?" in ran.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BundleError("a", code="bundle.digest"), 1),
        (UsageError("a", code="usage.path"), 2),
        (EnvironmentFault("a", code="environment.extra"), 3),
    ],
)
def test_the_class_of_an_error_decides_the_exit_code(
    run: Run, raising: Callable[[BaseException], None], error: AndonError, code: int
) -> None:
    """The error goes to stderr, what was written before stays."""
    raising(error)
    assert run("stumble") == Ran(code, "data\n", f"{type(error).__name__} [{error.code}]: a\n")


def test_an_error_of_our_own_is_short_and_says_how_to_see_more(
    run: Run, raising: Callable[[BaseException], None]
) -> None:
    """No traceback goes to a user who cannot do anything with it."""
    raising(ZeroDivisionError("division by zero"))
    ran = run("stumble")
    assert ran.code == 70
    assert "ZeroDivisionError: division by zero" in ran.err
    assert "andon --debug" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("error", [ZeroDivisionError("zero"), BundleError("a", code="bundle.digest")])
def test_with_debug_the_traceback_is_logged(
    run: Run, raising: Callable[[BaseException], None], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """For errors of ours and of the user alike."""
    raising(error)
    run("--debug", "stumble")
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]


def test_an_interrupted_command_ends_without_a_traceback(run: Run, raising: Callable[[BaseException], None]) -> None:
    """The exit code is the one a shell gives it."""
    raising(KeyboardInterrupt())
    ran = run("stumble")
    assert ran.code == 130
    assert "Traceback" not in ran.err


def test_an_option_counts_for_one_call_only(run: Run, colours: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A call with --debug does not make the next one talk."""
    run("--debug", "inspect", colours)
    run("inspect", "gone.andon")
    assert caplog.records == []
