"""What a command says: data on stdout, talk on stderr, colours on terminals only. It knows no command."""

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO

from andon.errors import AndonError, EnvironmentFault

if TYPE_CHECKING:
    from rich.console import Console

_UNCUT = 100_000
"""Columns of a table that goes to a file or a pipe: nothing is cut or wrapped there."""
_PIPE_CLOSED = 141
"""What a shell reports of a program that the reader of its pipe has ended: 128 + SIGPIPE."""


_data: ContextVar[TextIO | None] = ContextVar("data", default=None)
"""Where data is written to while `sys.stdout` is lent to code of the author's; None for `sys.stdout`."""


@contextmanager
def only_data_on_stdout() -> Iterator[None]:
    """
    Send to stderr what code of the author's prints, so that stdout holds nothing but data; also as a decorator.

    What a library writes past Python, to the descriptor itself, is not caught.
    """
    before = _data.set(_stdout())
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _data.reset(before)


def _stdout() -> TextIO:
    return _data.get() or sys.stdout


def is_terminal() -> bool:
    """Ask whether data goes to a terminal."""
    return _stdout().isatty()


def accept_any_text() -> None:
    """Let stdout show as escapes what the locale cannot spell; within JSON these are escapes too."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """
    Write data to stdout, at once.

    A reader that has gone away (`| head`) ends the program quietly.

    Raises:
        EnvironmentFault: `environment.write`: stdout cannot be written, for one because the disk is full.
    """
    with _guarded_stdout():
        _stdout().write(text)
        _stdout().flush()


def write_bytes(data: bytes) -> None:
    """Write data that is no text to stdout, under the terms of `write`."""
    with _guarded_stdout():
        _stdout().flush()
        _stdout().buffer.write(data)
        _stdout().buffer.flush()


def write_json(document: object) -> None:
    """Write one JSON document, indented; a number that is not finite becomes null."""
    import msgspec

    write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """
    Write a table; on a terminal it fits the window, elsewhere it is as wide as its cells.

    Args:
        columns: The headings; all empty for a table without.
        rows: Cells, as many as there are columns.
        right: Headings of the columns of numbers.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=any(columns), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row))
    terminal = is_terminal()
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=terminal or None, width=None if terminal else _UNCUT)
    console.print(table)
    write("".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines()))


_STYLES = {"OK": "green", "NotOK": "red", "NotDecidable": "yellow", "holds": "green", "fails": "red"}
"""Colours of cells that are one of our words."""


def say(*lines: str, style: str = "") -> None:
    """Tell the person at the terminal something, on stderr; lines are never cut."""
    from rich.text import Text

    console = talk_console()
    for line in "\n".join(lines).splitlines():
        console.print(Text(printable(line), style=style), soft_wrap=True)


def explain(error: AndonError) -> None:
    """Show an error on stderr: what, where, what to do."""
    say(f"{type(error).__name__} [{error.code}]: {error.message}", style="bold red")
    if error.where:
        say(f"  in {error.where}")
    if error.hint:
        say(f"hint: {error.hint}")


def talk_console() -> "Console":
    """Give the console of stderr, on which progress bars are drawn too."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def printable(text: str) -> str:
    r"""
    Show what does not print as an escape, so that no text from a bundle or a file name steers the terminal.

    >>> printable("tabby\x1b[31m")
    'tabby\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def _guarded_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _drop_stdout()
        raise SystemExit(_PIPE_CLOSED) from None
    except OSError as error:
        _drop_stdout()
        raise EnvironmentFault(
            f"cannot write the output: {error.strerror}", code="environment.write", where="stdout"
        ) from None


def _drop_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not stumble over it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _stdout().fileno())
    os.close(nowhere)
