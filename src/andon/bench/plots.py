"""Plots as SVG: a line over percentiles, lines and bars over time, bars by stage. Pure; only numbers stand in them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from andon.bench.report import Spread

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 10, 26
_PERCENT_TICKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)

Points = Sequence[tuple[float, float | None]]
"""Pairs of x and y in ascending x; None where there is no value, which leaves a gap."""


class _Axes:
    """Where numbers lie in a plot; y begins at 0."""

    def __init__(self, x_range: tuple[float, float], y_highest: float) -> None:
        self._x_low, x_high = x_range
        self._x_span = max(x_high - self._x_low, 1e-9)
        self.y_ticks = ticks(y_highest)
        self._y_high = self.y_ticks[-1]

    def x(self, value: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (value - self._x_low) / self._x_span, 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / self._y_high, 1)

    def drawn(self, x_ticks: Iterable[tuple[float, str]]) -> str:
        lines = [
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{self.y(tick)}" y2="{self.y(tick)}"/>'
            f'<text class="tick end" x="{_LEFT - 6}" y="{self.y(tick) + 4}">{_number(tick)}</text>'
            for tick in self.y_ticks
        ]
        marks = [
            f'<text class="tick middle" x="{self.x(x)}" y="{HEIGHT - 8}">{escape(text)}</text>' for x, text in x_ticks
        ]
        return "".join([*lines, *marks])


def ticks(highest: float) -> list[float]:
    """
    Give round numbers from 0 to the first that is not below the highest value.

    >>> ticks(23.0), ticks(0.0)
    ([0.0, 10.0, 20.0, 30.0], [0.0, 1.0])
    """
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    count = math.ceil(highest / step - 1e-9)
    return [float(f"{step * number:.6g}") for number in range(count + 1)]


def nines(percent: float) -> float:
    """
    Give the place of a percentile on an axis on which 90, 99 and 99.9 are equally far apart.

    >>> nines(90), nines(99)
    (1.0, 2.0)
    """
    return round(-math.log10(max(1 - percent / 100, 1e-9)), 9)


def percentile_plot(curve: Sequence[tuple[float, float]]) -> str:
    """
    Draw latency over percentiles.

    Args:
        curve: Pairs of percentile, ascending to 100, and milliseconds; at least two.

    Returns:
        SVG; the slowest answer stands at the right end, as far from the last percentile as that is from 99.
    """
    inner = [(nines(percent), value) for percent, value in curve if percent < 100]
    end = inner[-1][0] + 0.3
    points: Points = [*inner, (end, curve[-1][1])]
    axes = _Axes((0.0, end), curve[-1][1])
    marks = [(nines(percent), f"{percent:g}") for percent in _PERCENT_TICKS if nines(percent) <= inner[-1][0] + 1e-6]
    return _svg(axes.drawn([*marks, (end, "max")]) + _line(points, axes, "first"))


def time_plot(series: Mapping[str, Points], end_s: float) -> str:
    """
    Draw lines over time.

    Args:
        series: Points by the class of their line: `first`, `second`; x in seconds.
        end_s: The right end.
    """
    values = [value for points in series.values() for _, value in points if value is not None]
    axes = _Axes((0.0, end_s), max(values, default=0.0))
    lines = "".join(_line(points, axes, name) for name, points in series.items())
    return _svg(axes.drawn(_seconds(end_s)) + lines)


def error_plot(points: Points, end_s: float) -> str:
    """Draw errors a second over time, as bars from one point to the next."""
    axes = _Axes((0.0, end_s), max((value or 0.0 for _, value in points), default=0.0))
    ends = [*(x for x, _ in points[1:]), end_s]
    bars = [
        f'<rect class="error" x="{axes.x(x)}" y="{axes.y(value)}" width="{max(axes.x(end) - axes.x(x) - 1, 1):.1f}" '
        f'height="{axes.y(0) - axes.y(value):.1f}"/>'
        for (x, value), end in zip(points, ends, strict=True)
        if value
    ]
    return _svg(axes.drawn(_seconds(end_s)) + "".join(bars))


def stage_plot(stages: Mapping[str, Spread]) -> str:
    """Draw a bar for each stage, to its median, and a thin one to its p99; the stages are named as in the header."""
    row, left = 26, 80
    longest = max((spread.p99 for spread in stages.values()), default=0.0) or 1.0
    bars = []
    for number, (stage, spread) in enumerate(stages.items()):
        top = number * row
        scale = (WIDTH - left - 150) / longest
        bars.append(
            f'<text class="tick end" x="{left - 8}" y="{top + 17}">{escape(stage)}</text>'
            f'<rect class="thin" x="{left}" y="{top + 9}" width="{max(spread.p99 * scale, 1):.1f}" height="8"/>'
            f'<rect class="bar" x="{left}" y="{top + 4}" width="{max(spread.p50 * scale, 1):.1f}" height="18"/>'
            f'<text class="tick" x="{left + spread.p99 * scale + 8:.1f}" y="{top + 17}">'
            f"{_number(spread.p50)} / {_number(spread.p99)}</text>"
        )
    return _svg("".join(bars), height=row * len(stages) + 4)


def _seconds(end_s: float) -> list[tuple[float, str]]:
    return [(tick, f"{_number(tick)} s") for tick in ticks(end_s) if tick <= end_s]


def _line(points: Points, axes: _Axes, name: str) -> str:
    """Draw a line, broken where there is no value; a value between two gaps is a dot."""
    pieces: list[list[str]] = [[]]
    for x, y in points:
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{axes.x(x)},{axes.y(y)}")
    drawn = []
    for piece in pieces:
        if len(piece) == 1:
            cx, cy = piece[0].split(",")
            drawn.append(f'<circle class="dot {name}" cx="{cx}" cy="{cy}" r="3"/>')
        elif piece:
            drawn.append(f'<polyline class="line {name}" points="{" ".join(piece)}"/>')
    return "".join(drawn)


def _svg(inner: str, height: int = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{inner}</svg>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
