"""The description in a real browser: offline, at any width, in both languages, with commands that can be copied."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Visit
from tests.support.chinese import english_words
from tests.support.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
Open = Callable[..., "Page"]
FRAME = """() => {
  const texts = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest("code, script, [lang=en], .method, .languages")) {
      texts.push(walker.currentNode.data);
    }
  }
  return texts.join("\\n");
}"""
"""All that is not code, and not said to be English."""


@pytest.fixture
def open_docs(browser: "Browser", service: str) -> "Iterator[Callable[..., Page]]":
    """Open the description, as often as is wanted; in the end no request failed and no console had anything to say."""
    visits: list[Visit] = []

    def open_one(base: str = service, **options: object) -> "Page":
        visits.append(Visit(browser, f"{base}docs", **options))
        page = visits[-1].page
        page.goto(f"{base}docs")
        return page

    yield open_one
    troubles = [trouble for made in visits for trouble in made.troubles]
    for made in visits:
        made.close()
    assert troubles == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
def test_nothing_is_cut_off_at_any_width(open_docs: Open, width: int) -> None:
    """No part makes the page wider than the window, with everything unfolded too."""
    page = open_docs(viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_contents_lead_to_the_operations(open_docs: Open) -> None:
    """A click shows the card of the operation."""
    page = open_docs(viewport={"width": 1280, "height": 800})
    page.click(".contents a[href='#v2Index']")
    page.wait_for_function("document.getElementById('v2Index').getBoundingClientRect().top < innerHeight")
    assert page.locator(":target").get_attribute("id") == "v2Index"


def test_a_command_can_be_copied(open_docs: Open) -> None:
    """The button copies the line beside it, and says so."""
    page = open_docs()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator("#predict button.copy")
    button.click()
    page.wait_for_function("document.getElementById('announcer').textContent !== ''")
    shown = page.locator("#curl-predict").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == shown
    assert shown.startswith("curl ")


def test_below_a_prefix_the_commands_lead_there(open_docs: Open, parts: Path) -> None:
    """The browser knows the address that the service does not."""
    with Served(parts, prefix="/words") as started:
        page = open_docs(started.page)
        assert f"{started.page}predict" in page.locator("#curl-predict").inner_text()
        page.click(".links a >> nth=0")
        page.wait_for_url(started.page)


def test_without_scripts_it_can_be_read(open_docs: Open) -> None:
    """All is there from the start, and folded parts unfold."""
    page = open_docs(java_script_enabled=False)
    page.click("#predict summary >> nth=1")
    assert page.locator("#predict table >> nth=0").is_visible()


def test_the_frame_is_in_the_language_of_the_reader(open_docs: Open) -> None:
    """What is English in it says so, for those who hear it."""
    page = open_docs(locale="zh-CN")
    assert english_words(page.evaluate(FRAME)) == []
    page.click(".languages a[lang=en]")
    page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_is_as_dark_as_the_system(open_docs: Open, scheme: str, is_dark: bool) -> None:  # noqa: FBT001 -- a parameter of pytest
    """Its cards are of the colours of the page that classifies images."""
    page = open_docs(color_scheme=scheme)
    ground = page.locator("#predict").evaluate("element => getComputedStyle(element).backgroundColor")
    channels = [int(number) for number in ground.removeprefix("rgb(").removesuffix(")").split(", ")]
    assert (sum(channels) / 3 < 128) == is_dark
