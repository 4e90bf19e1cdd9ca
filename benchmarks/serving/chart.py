"""
The chart of the README: requests a second of each server, drawn from the JSON of a run.

    scripts/bench serving.chart [RESULTS.json] [OUT.svg]

Plain SVG without a library; its colours hold on a light and on a dark page.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import msgspec
from msgspec import Struct

from serving.report import LimitRow, Row

RESULTS = Path(__file__).parent / "results.json"
OUT = Path(__file__).parents[2] / "docs" / "images" / "serving.svg"
WIDTH, ROW, TOP, BOTTOM = 760, 24, 54, 40
LABELS, VALUES = 268, 96
"""Pixels for the names at the left, and for the numbers at the right."""
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600 }
  .note { font-size: 11px }
  .seed { fill: #8c959f } .peer { fill: #6d9fd4 } .andon { fill: #d9822b }
  .limit { stroke: #57606a; stroke-width: 2 }
  @media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } .limit { stroke: #c9d1d9 } }
"""


class Facts(Struct, frozen=True, kw_only=True):
    """What the chart tells of a run."""

    date: str
    processor: str
    cores: int


class Results(Struct, frozen=True, kw_only=True):
    """The parts of the JSON that are drawn; the others are left alone."""

    facts: Facts
    servers: tuple[Row, ...]
    limits: tuple[LimitRow, ...] = ()


def chart(results: Results) -> str:
    """Draw one bar a server, the fastest on top, and a mark where the same execution is at its limit in-process."""
    rows = sorted(results.servers, key=lambda row: -row.rate)
    limits = {limit.name: limit.rate for limit in results.limits}
    scale = (WIDTH - LABELS - VALUES) / max([row.rate for row in rows] + [limits.get(row.name, 0.0) for row in rows])
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        f' role="img" aria-label="{escape(spoken(rows))}">',
        f"<style>{STYLE}</style>",
        '<text class="title" x="0" y="16">Photos classified a second over HTTP: ResNet-18, JPEG of 104 KB</text>',
        f'<text class="note" x="0" y="36">{escape(subtitle(results.facts))}</text>',
    ]
    for number, row in enumerate(rows):
        mark = limits[row.name] * scale if row.kind == "andon" and row.name in limits else None
        parts.append(bar(row, TOP + number * ROW, row.rate * scale, mark))
    note = "The line is the same execution in-process, without a server. Peers run the same network in PyTorch fp32."
    return "\n".join([*parts, f'<text class="note" x="0" y="{height - 12}">{note}</text>', "</svg>", ""])


def spoken(rows: Sequence[Row]) -> str:
    """Say the chart in words, for those who hear it."""
    return "Requests a second: " + ", ".join(f"{row.title} {row.rate:.0f}" for row in rows)


def subtitle(facts: Facts) -> str:
    """Tell the machine and the date."""
    return f"{facts.cores} cores of {facts.processor}, {facts.date}; wrk with 8 connections; medians"


def bar(row: Row, top: int, length: float, limit: float | None) -> str:
    """Draw one server."""
    shapes = [
        f'<text x="{LABELS - 8}" y="{top + 15}" text-anchor="end">{escape(row.title)}</text>',
        f'<rect class="{row.kind}" x="{LABELS}" y="{top + 3}" width="{max(length, 1):.1f}" height="{ROW - 8}" rx="2"/>',
    ]
    if limit is not None:
        x = LABELS + limit
        shapes.append(f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 1}" y2="{top + ROW - 3}"/>')
    x = LABELS + max(length, limit or 0.0) + 8
    return "\n".join([*shapes, f'<text x="{x:.1f}" y="{top + 15}">{row.rate:.{0 if row.rate >= 10 else 1}f}</text>'])


def write_chart(results: Path, out: Path) -> Path:
    """
    Draw the results of a file, and give the path of the drawing.

    Raises:
        SystemExit: No server was measured in that run.
    """
    found = msgspec.json.decode(results.read_bytes(), type=Results)
    if not found.servers:
        raise SystemExit(f"{results} has no server to draw")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(chart(found))
    return out


def main() -> None:
    """Read the results, and write the chart."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench serving.chart", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="?", type=Path, default=RESULTS)
    parser.add_argument("out", nargs="?", type=Path, default=OUT)
    given = parser.parse_args()
    print(write_chart(given.results, given.out))


if __name__ == "__main__":
    main()
