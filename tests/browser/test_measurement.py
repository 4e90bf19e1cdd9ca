"""The page of a measurement, as a browser opens the file."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from andon.bench.page import render_page
from tests.support.browser import Visit
from tests.support.reports import records, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The address of a page with errors, doubts and all plots."""
    path = tmp_path / "report.html"
    path.write_bytes(render_page(report(made=records(2000, errors=300), images=1)))
    return path.as_uri()


@pytest.mark.parametrize(("locale", "heading"), [("en-GB", "Latency over percentiles"), ("zh-CN", "延迟分位图")])
def test_it_speaks_the_language_of_the_browser(browser: "Browser", file: str, locale: str, heading: str) -> None:
    """And the other one at the press of a button; nothing is fetched and no console has anything to say."""
    visit = Visit(browser, file, locale=locale)
    page = visit.page
    page.goto(file)
    assert page.get_by_text(heading, exact=True).is_visible()
    page.locator("#language").press("Enter")
    assert not page.get_by_text(heading, exact=True).is_visible()
    assert visit.troubles == []
    visit.close()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_it_fits(browser: "Browser", file: str, width: int, scheme: str) -> None:
    """On a phone and on a desk; five plots are drawn, and lines differ from the ground that they are on."""
    visit = Visit(browser, file, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = visit.page
    page.goto(file)
    assert page.locator("figure svg").count() == 5
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colours = page.evaluate(
        "[...document.querySelectorAll('.line.first, figure')].map(e => getComputedStyle(e)[e.matches('figure') ?"
        " 'backgroundColor' : 'stroke'])"
    )
    assert len(set(colours)) == 2
    visit.close()
