"""English and Chinese: chosen by the browser or by hand, and never mixed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import Visit, choose
from tests.support.bundles import LABELS
from tests.support.chinese import english_words

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
CHINESE = {"locale": "zh-CN"}
COLLECT = """() => {
  const skipped = "code, script, noscript, [translate=no]";
  const texts = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(skipped)) texts.push(walker.currentNode.data);
  }
  for (const element of document.querySelectorAll("*")) {
    for (const name of ["title", "aria-label", "placeholder", "alt", "label"]) {
      if (element.hasAttribute(name) && !element.closest(skipped)) texts.push(element.getAttribute(name));
    }
  }
  return texts.join("\\n");
}"""
"""All that people see or hear, hidden parts included, but code and the names that the model or the user gave."""


def english_on(page: "Page", *names: str) -> list[str]:
    """List the English words on a page, without names of models and files."""
    text = page.evaluate(COLLECT)
    for name in names:
        text = text.replace(name, "")
    return english_words(text)


def test_no_english_is_left_on_the_chinese_page(open_page: "Callable[..., Page]", pictures: dict[str, Path]) -> None:
    """Empty, with each verdict, and with the camera on."""
    page = open_page(**CHINESE)
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert english_on(page) == []
    shown = [pictures[colour] for colour in ("red", "green", "olive")]
    names = [*(path.name for path in shown), *LABELS]
    choose(page, *shown)
    page.click("#camera-start")
    page.locator("#camera-take:enabled").wait_for()
    for row in page.locator("#list li").all():
        row.click()
        assert english_on(page, *names) == []
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert english_on(page, *names) == []
    assert page.locator("#list .badge").all_inner_texts() == ["不合格", "合格", "无法判定"]


def test_no_english_is_left_in_trouble(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """A bad image, an unknown code, a lost service, a token."""

    def refuse(route: Any) -> None:
        route.fulfill(status=401, json={"code": "request.token", "detail": "the token is missing", "title": "No."})

    opened = visit(**CHINESE)
    page = opened.open()
    choose(page, pictures["text"])
    assert english_on(page, pictures["text"].name) == []
    page.route("**/predict/*", refuse)
    choose(page, pictures["red"])
    page.locator("#token").wait_for()
    assert english_on(page, pictures["red"].name, pictures["text"].name) == []
    page.route("**/predict/*", lambda route: route.abort())
    choose(page, pictures["red"])
    assert english_on(page, pictures["red"].name, pictures["text"].name) == []


def test_the_rule_sees_english(open_page: "Callable[..., Page]") -> None:
    """The English page is full of it."""
    assert {"Classify", "images", "Ready"} <= set(english_on(open_page()))


@pytest.mark.parametrize(("locale", "heading"), [("zh-CN", "图像分类"), ("de-DE", "Classify images")])
def test_the_browser_chooses_the_language(open_page: "Callable[..., Page]", locale: str, heading: str) -> None:
    """By its preferences; English where it prefers neither."""
    assert open_page(locale=locale).locator("h1").inner_text() == heading


def test_the_language_can_be_switched_by_hand(open_page: "Callable[..., Page]") -> None:
    """The switch is a link in the language that it leads to, and shows where one is."""
    page = open_page()
    page.get_by_role("link", name="中文").click()
    page.locator("h1", has_text="图像分类").wait_for()
    page.locator("#model dl").wait_for()
    assert page.locator(".languages [aria-current]").inner_text() == "中文"
    assert page.locator(".languages a").first.get_attribute("lang") == "en"
    page.get_by_role("link", name="EN").click()
    page.locator("h1", has_text="Classify images").wait_for()
    page.locator("#model dl").wait_for()
