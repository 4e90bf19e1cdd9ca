"""The numbers of the guide to solar cells are those that the benchmark printed."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from andon.demo.cells import Cell, rows_of
from tests.support.markdown import blocks, prose
from tests.support.tree import ROOT

GUIDE = ROOT / "docs" / "guides" / "solar.md"
COUNTED = re.compile(r"([\d,]+) of (?:the |these |all )?([\d,]+)")
TABLE = re.compile(r"<!-- printed for: (.*) -->\n\n?((?:\|.*\n)+)")


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What the benchmark printed, as benchmarks/README.md keeps it."""
    (block,) = (
        block for block in blocks(ROOT / "benchmarks" / "README.md", "console") if "$ scripts/bench solar" in block.text
    )
    return block.text.splitlines()


def rates(printed: list[str], title: str) -> dict[str, str]:
    """Give the rates below a title, as they were printed, by their names."""
    start = next(number for number, line in enumerate(printed) if line.split(", ")[0] == title)
    lines = takewhile(lambda line: line.startswith("  ") and "OK below" not in line, printed[start + 1 :])
    return {line[:38].strip(): line[38:] for line in lines}


def test_each_row_of_a_table_was_printed(printed: list[str]) -> None:
    """Rate, interval and counts, under the same name; there is a table for each of the three tests."""
    tables = TABLE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(tables) == 3
    for title, table in tables:
        known = rates(printed, title)
        rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()[2:]]
        assert rows
        for name, rate, interval, cells in rows:
            told = f"{rate} ({interval}), {cells}".replace(" %", "%").replace("% to", "%").replace(" to ", "% to ")
            assert told == known[name], name


def test_each_count_in_a_sentence_was_printed(printed: list[str]) -> None:
    """Whatever is told as `so many of so many`."""
    known = {match for line in printed for match in COUNTED.findall(line)}
    told = [match for line in prose(GUIDE) for match in COUNTED.findall(line)]
    assert told
    assert [counts for counts in told if counts not in known] == []


def test_the_ranges_over_modules_were_printed(printed: list[str]) -> None:
    """All four of them."""
    ranges = rates(printed, "if other modules had come").values()
    assert len(ranges) == 4
    told = GUIDE.read_text(encoding="utf-8")
    assert [one for one in ranges if one.replace("% to", " to").replace("%", " %") not in told] == []


def test_the_thresholds_were_printed(printed: list[str]) -> None:
    """Those of the example itself come first."""
    low, high = re.findall(r"OK below ([\d.]+), NotOK from ([\d.]+) on", "\n".join(printed))[0]
    assert f"{low} and {high}" in GUIDE.read_text(encoding="utf-8")


def test_a_list_of_ones_own_takes_the_place_of_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of the page reads rows as it says, and its parts fall into the groups that the example uses."""
    (block,) = (block for block in blocks(GUIDE, "python") if "def read_cells" in block.text)
    names: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 -- the page's own code
    monkeypatch.chdir(tmp_path)
    Path("parts.csv").write_text("a.png,0,1\nb.png,1,4\nc.png,1,4\n", encoding="utf-8")
    cells = names["read_cells"]()
    assert cells[:2] == [Cell(Path("a.png"), 0, "part", 1), Cell(Path("b.png"), 1, "part", 4)]
    assert [cell.is_defective for cell in cells] == [False, True, True]
    assert (rows_of(cells, 0), rows_of(cells, 1)) == ([1, 2], [0])
