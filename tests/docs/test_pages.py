"""The pages: links that lead somewhere, sentences that stand alone, commands that exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from andon.cli.main import app
from tests.support.markdown import FENCE, anchors, commands, pages, prose, written_pages
from tests.support.tree import ROOT, relative

TWO_SENTENCES = re.compile(r"[\w)`\"*\]][.!?][)\"]? +[A-Z`]|[。！？](?!$|[）」”*])")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", pages(), ids=relative)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file of the project, and a heading in it where it says so."""
    broken = []
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    for link in LINK.findall(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", written_pages(), ids=relative)
def test_a_line_holds_one_sentence(page: Path) -> None:
    """One sentence a line, so that a change shows what it changes; and none of them says `simply`."""
    several = [line for line in prose(page) if TWO_SENTENCES.search(re.sub(r"^(#+|-)? *(\d+\. )?", "", line))]
    assert several == []
    assert [line for line in prose(page) if re.search(r"\b(simply|just|easy|easily)\b", line, re.IGNORECASE)] == []


@pytest.mark.parametrize("page", pages(), ids=relative)
def test_every_script_in_a_command_exists(page: Path) -> None:
    """A command that starts a script of the project names one that is there."""
    words = [word for _, command in commands(page) for word in command.split()]
    assert [word for word in words if word.startswith("scripts/") and not (ROOT / word).is_file()] == []


def andon_commands(page: Path) -> list[list[str]]:
    """Give the words after `andon` in the commands of a page."""
    found = []
    for _, command in commands(page):
        words = shlex.split(command.split(" | ")[0].split(" > ")[0], comments=True)
        if words[:1] == ["andon"] or words[:1] == [".venv/bin/andon"]:
            found.append(words[1:])
    return found


@pytest.mark.parametrize("page", pages(), ids=relative)
def test_every_andon_command_exists(page: Path) -> None:
    """Each `andon` command on a page has the sub-command and the options that it shows."""
    root = typer.main.get_command(app)
    for words in andon_commands(page):
        command = root
        for word in words:
            if word.startswith("-"):
                known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
                assert word.split("=")[0] in known, f"{shlex.join(words)}: {word}"
            elif hasattr(command, "commands"):
                assert word in command.commands, f"andon {shlex.join(words)}"
                command = command.commands[word]
