"""Markdown pages, taken apart for the tests of the documentation."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.tree import ROOT, project_files, relative

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{relative(self.page)}:{self.line}"


def pages() -> list[Path]:
    """List the Markdown pages of the project."""
    return [path for path in project_files() if path.suffix == ".md"]


def written_pages() -> list[Path]:
    """List the pages that people write; those of the reference are made from the code."""
    return [path for path in pages() if ROOT / "docs" / "reference" not in path.parents]


def blocks(page: Path, language: str) -> Iterator[Block]:
    """Yield the fenced blocks of one language."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match[1] == language:
            yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])


def prose(page: Path) -> list[str]:
    """Give the lines of a page; those of fenced blocks, comments and tables are empty."""
    text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), page.read_text(encoding="utf-8"))
    text = re.sub(r"<!--.*?-->", "", text)
    return ["" if line.startswith("|") else line for line in text.splitlines()]


def commands(page: Path) -> Iterator[tuple[Block, str]]:
    """Yield the commands of the console blocks: lines after `$ `, with those that they continue on."""
    for block in blocks(page, "console"):
        joined = block.text.replace("\\\n", " ")
        yield from ((block, line[2:]) for line in joined.splitlines() if line.startswith("$ "))


def anchors(page: Path) -> set[str]:
    """Give the anchors of the headings of a page, as GitHub makes them."""
    found = set()
    for line in prose(page):
        if match := re.match(r"#+ (.*)", line):
            text = re.sub(r"[^\w\- ]", "", match[1].lower())
            found.add(text.replace(" ", "-"))
    return found
