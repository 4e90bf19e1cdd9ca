"""
The page of a report: one file that fetches nothing, with plots as inline SVG.

The JavaScript that plotly would bring weighs 4.6 MB a page; these plots need none.
"""

import functools
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from andon.bench.doubts import doubts_of
from andon.bench.plots import error_plot, percentile_plot, stage_plot, time_plot
from andon.bench.report import Report

if TYPE_CHECKING:
    import jinja2

LANGUAGES = ("en", "zh")
"""Those of the page; a reader switches, and begins with the one that the browser prefers."""


def render_page(report: Report) -> bytes:
    """
    Render the page.

    Returns:
        HTML in UTF-8; 20 to 40 kB.
    """
    text = _template().render(
        report=report,
        words=words(),
        doubts=tuple(doubts_of(report)),
        plots=plots_of(report),
        document=msgspec.json.format(msgspec.json.encode(report), indent=2).decode(),
    )
    return text.lstrip().encode()


def plots_of(report: Report) -> Mapping[str, str]:
    """Draw what there is to draw; a plot without points is absent."""
    end_s, timeline = report.measured_s, report.timeline
    plots = {}
    if report.percentiles:
        plots["percentiles"] = percentile_plot(report.percentiles)
        plots["throughput"] = time_plot({"first": [(each.at_s, each.ok_per_s) for each in timeline]}, end_s)
        plots["latency"] = time_plot(
            {
                "second": [(each.at_s, each.p99_ms) for each in timeline],
                "first": [(each.at_s, each.p50_ms) for each in timeline],
            },
            end_s,
        )
    if report.errors:
        plots["errors"] = error_plot([(each.at_s, each.errors_per_s) for each in timeline], end_s)
    if report.server_ms:
        plots["stages"] = stage_plot(report.server_ms)
    return plots


@functools.cache
def words() -> Mapping[str, tuple[str, str]]:
    """Read the words of the page: for each key the text in each of `LANGUAGES`."""
    text = files("andon.bench").joinpath("words.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, tuple[str, str]])


@functools.cache
def _template() -> "jinja2.Template":
    # Late for weight: who asks for no page does without.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("andon.bench", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
