"""Plots as SVG."""

from xml.etree import ElementTree as ET

import pytest

from andon.bench.plots import HEIGHT, WIDTH, error_plot, nines, percentile_plot, stage_plot, ticks, time_plot
from andon.bench.report import Spread

CURVE = [(0.0, 1.0), (50.0, 2.0), (90.0, 4.0), (99.0, 8.0), (99.9, 16.0), (100.0, 20.0)]


def parts(svg: str, name: str) -> list[ET.Element]:
    """Find the elements of one kind; what is no XML fails here."""
    return ET.fromstring(svg).findall(name)  # noqa: S314 -- our own


def points(line: ET.Element) -> list[tuple[float, float]]:
    """Read the points of a line."""
    pairs = (pair.split(",") for pair in line.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_every_further_nine_takes_the_same_width() -> None:
    """90, 99 and 99.9 are equally far apart, and the slowest answer is at the right end."""
    (line,) = parts(percentile_plot(CURVE), "polyline")
    xs = [x for x, _ in points(line)]
    assert xs[3] - xs[2] == pytest.approx(xs[4] - xs[3], abs=0.2)
    assert xs == sorted(xs)
    assert [text.text for text in parts(percentile_plot(CURVE), "text")][-6:] == ["0", "50", "90", "99", "99.9", "max"]
    assert nines(100) > nines(99.999)


def test_slow_is_up() -> None:
    """Twice the latency is twice as far from the bottom, and all is within the frame."""
    (line,) = parts(percentile_plot(CURVE), "polyline")
    ys = [y for _, y in points(line)]
    assert ys == sorted(ys, reverse=True)
    assert all(0 <= y <= HEIGHT for y in ys)
    assert ys[1] - ys[2] == pytest.approx((ys[2] - ys[3]) / 2, abs=0.2)


def test_where_there_is_no_value_a_line_has_a_gap() -> None:
    """A value that stands alone is a dot."""
    series = [(0.0, 1.0), (1.0, 2.0), (2.0, None), (3.0, 5.0), (4.0, None)]
    svg = time_plot({"first": series, "second": [(0.0, None)]}, 5.0)
    assert [len(points(line)) for line in parts(svg, "polyline")] == [2]
    assert [dot.attrib["class"] for dot in parts(svg, "circle")] == ["dot first"]


def test_errors_are_bars_where_there_are_some() -> None:
    """Higher ones for more; the last reaches to the end."""
    bars = parts(error_plot([(0.0, 0.0), (1.0, 5.0), (2.0, 10.0)], 3.0), "rect")
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.01)
    assert float(bars[1].attrib["x"]) + float(bars[1].attrib["width"]) <= WIDTH


def test_each_stage_has_a_bar_to_its_median_and_one_to_its_p99() -> None:
    """With its name and both numbers; stages that took no time do no harm."""
    svg = stage_plot({"decode": Spread(p50=1.0, p99=2.0), "infer": Spread(p50=0.0, p99=0.0)})
    widths = [float(bar.attrib["width"]) for bar in parts(svg, "rect")]
    assert widths[0] == pytest.approx(2 * widths[1])
    assert [text.text for text in parts(svg, "text")] == ["decode", "1 / 2", "infer", "0 / 0"]
    assert stage_plot({"infer": Spread(p50=0.0, p99=0.0)})


@pytest.mark.parametrize("highest", [0.0, 0.0013, 1.0, 4.0, 17.3, 99.9, 12345.0])
def test_ticks_are_few_and_reach_the_highest_value(highest: float) -> None:
    """From 0, evenly, three to six of them."""
    found = ticks(highest)
    assert found[0] == 0
    assert found[-1] >= highest
    assert 2 <= len(found) <= 6
