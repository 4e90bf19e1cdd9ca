"""The page of a report."""

import re

from msgspec.structs import replace

from andon.bench.page import LANGUAGES, plots_of, render_page, words
from andon.bench.plan import LoadPlan
from andon.bench.records import Records
from tests.support.reports import TARGET, records, report


def test_it_fetches_nothing() -> None:
    """No address but that of the service in its text, and a policy under which the browser would not."""
    page = render_page(report()).decode()
    assert "default-src 'none'" in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,"]
    assert not re.search(r"@import|url\(|fetch\(|import ", page)


def test_it_is_light() -> None:
    """Some kilobytes, where the JavaScript of a library of charts would bring megabytes."""
    assert len(render_page(report())) < 60_000


def test_each_word_is_there_in_both_languages() -> None:
    """Chinese ones are Chinese."""
    page = render_page(report()).decode()
    assert LANGUAGES == ("en", "zh")
    for key, (english, chinese) in words().items():
        assert english, key
        assert chinese, key
    assert "延迟分位图" in page
    assert "Latency over percentiles" in page


def test_text_from_outside_stays_text() -> None:
    """A model's name, a label and a path may hold anything."""
    made = Records()
    made.add((0, 0, 1), "ok", "<script>alert(1)</script>")
    page = render_page(report(made=made, target=replace(TARGET, model="<b>x</b>", address="</pre>"))).decode()
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert page.count("</pre>") == 1


def test_there_is_a_plot_for_what_there_is() -> None:
    """Errors where some came, and none of latency where no answer was good."""
    assert plots_of(report()).keys() == {"percentiles", "throughput", "latency", "stages"}
    assert plots_of(report(made=records(errors=5))).keys() >= {"errors"}
    assert plots_of(report(made=records(9, errors=9))).keys() == {"errors"}
    assert render_page(report(made=Records()))


def test_an_open_loop_tells_its_rate_and_the_share_in_time() -> None:
    """And a closed one its connections."""
    page = render_page(report(LoadPlan(connections=9, rate=50, deadline_ms=100, warm_up_s=0))).decode()
    assert "in time" in page
    assert "100.00%" in page
    assert "poisson" in page
