"""Tests of what goes to stdout and what to stderr."""

import json
import sys

import pytest

from andon.cli.output import explain, only_data_on_stdout, printable, say, write, write_bytes, write_json, write_table
from andon.errors import BundleError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tabby, tabby cat", "tabby, tabby cat"),
        ("划痕 ü", "划痕 ü"),
        ("red\x1b[31m", r"red\x1b[31m"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\udce9", r"\udce9"),
        ("\u202eback", r"\u202eback"),
    ],
)
def test_what_does_not_print_is_shown_as_an_escape(text: str, shown: str) -> None:
    """Text from a bundle or a file name cannot steer the terminal or hide a line."""
    assert printable(text) == shown


def test_data_goes_to_stdout_and_talk_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """The two never mix."""
    write("data\n")
    write_bytes(b"more\n")
    say("talk", "and more")
    assert capsys.readouterr() == ("data\nmore\n", "talk\nand more\n")


def test_what_own_code_prints_is_talk(capsys: pytest.CaptureFixture[str]) -> None:
    """Data stays alone, also where one command is within another; afterwards printing is as before."""
    with only_data_on_stdout():
        sys.stdout.write("stray\n")
        with only_data_on_stdout():
            sys.stdout.write("stray too\n")
            write("data\n")
        write_bytes(b"more\n")
    assert capsys.readouterr() == ("data\nmore\n", "stray\nstray too\n")
    sys.stdout.write("printed\n")
    assert capsys.readouterr() == ("printed\n", "")


def test_an_error_says_what_where_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Class, code and message first; place and hint on lines of their own."""
    explain(
        BundleError("expected float, got str", code="bundle.field", where="a.andon › bundle.json", hint="write 0.62")
    )
    explain(BundleError("no such file", code="bundle.missing"))
    assert capsys.readouterr().err.splitlines() == [
        "BundleError [bundle.field]: expected float, got str",
        "  in a.andon › bundle.json",
        "hint: write 0.62",
        "BundleError [bundle.missing]: no such file",
    ]


def test_talk_is_neither_cut_nor_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """A long path stays on one line, and square brackets stay square brackets."""
    line = "[bold]/" + "folder/" * 60 + "[/bold]"
    say(line)
    assert capsys.readouterr().err == f"{line}\n"


def test_a_json_document_is_valid_and_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """It has lines, keeps other scripts as they are, and has null where JSON has no number."""
    write_json({"label": "划痕", "worst": float("inf")})
    text = capsys.readouterr().out
    assert json.loads(text) == {"label": "划痕", "worst": None}
    assert "划痕" in text
    assert text.count("\n") == 4


def test_a_table_in_a_pipe_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """However long a cell is, a line is a row; numbers stand to the right; nothing trails."""
    write_table(("file", "score"), [("x" * 500, "0.5"), ("short", "10.25")], right=("score",))
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["file" + " " * 498 + "score", "x" * 500 + "    0.5", "short" + " " * 497 + "10.25"]


def test_a_cell_is_no_markup_and_cannot_break_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Labels of a bundle are shown as they are, on one line."""
    write_table(("", ""), [("[red]x[/red]", "a\nb")])
    assert capsys.readouterr().out == "[red]x[/red]  a\\nb\n"


def test_a_table_needs_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Its heading is written all the same."""
    write_table(("file", "label"), [])
    assert capsys.readouterr().out == "file  label\n"


def test_colours_are_for_terminals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same table has colours on a terminal and none in a file."""
    write_table(("verdict",), [("NotOK",)])
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    write_table(("verdict",), [("NotOK",)])
    assert "\x1b[31mNotOK" in capsys.readouterr().out
