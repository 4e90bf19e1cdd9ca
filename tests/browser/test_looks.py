"""How the page looks: light and dark, narrow and wide, still where stillness is asked for."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from andon.web.pages.answers import CONTENT_SECURITY_POLICY
from tests.support.browser import Visit, choose

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
Open = Callable[..., "Page"]
BEYOND = """() => [...document.querySelectorAll("body *")]
  .filter((element) => !element.closest("pre, .unseen, .sprite, .skip, svg"))
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
  .map((element) => element.outerHTML.slice(0, 80))"""


def brightness(page: "Page", selector: str, what: str) -> float:
    """Give how bright a computed colour is, 0-255."""
    colour = page.locator(selector).evaluate(f"element => getComputedStyle(element).{what}")
    channels = [int(number) for number in re.findall(r"\d+", colour)[:3]]
    return sum(channels) / 3


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_is_as_dark_as_the_system(open_page: Open, scheme: str, is_dark: bool) -> None:  # noqa: FBT001 -- a parameter of pytest
    """Text is light on dark or dark on light, in a field as on the page."""
    page = open_page(color_scheme=scheme)
    for selector in ("html", "#drop", "#model-choice"):
        ground = brightness(page, selector, "backgroundColor")
        ink = brightness(page, selector, "color")
        assert (ground < ink) == is_dark, selector
        assert abs(ground - ink) > 150, selector


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 2560])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_nothing_is_cut_off_at_any_width(
    open_page: Open, pictures: dict[str, Path], tmp_path: Path, width: int, locale: str
) -> None:
    """No part reaches beyond the window, with long names too; the text of a line stays readable on a large screen."""
    long_name = tmp_path / f"{'station-3_camera-2_' * 6}.png"
    long_name.write_bytes(pictures["red"].read_bytes())
    page = open_page(viewport={"width": width, "height": 800}, locale=locale)
    choose(page, long_name, pictures["olive"])
    page.click("#tab-cpp")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(BEYOND) == []
    assert page.evaluate("document.body.getBoundingClientRect().width") <= 1280


def test_on_a_narrow_screen_the_result_is_brought_into_view(open_page: Open, pictures: dict[str, Path]) -> None:
    """A touch on a line shows what it is about."""
    page = open_page(viewport={"width": 360, "height": 640})
    choose(page, pictures["red"], pictures["green"])
    page.locator("#list li").first.click()
    assert page.locator("#detail").evaluate("element => element.getBoundingClientRect().top") < 320


def test_nothing_turns_where_motion_is_unwanted(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """The sign of waiting stands still with `prefers-reduced-motion`, and turns without."""
    animations = []
    for motion in ("reduce", "no-preference"):
        opened = visit(reduced_motion=motion)
        opened.page.route("**/predict/*", lambda _: None)  # nothing ever answers
        page = opened.open()
        page.set_input_files("#files", str(pictures["red"]))
        sign = page.locator("#list .badge.sending .icon")
        sign.wait_for()
        animations.append(sign.evaluate("element => getComputedStyle(element).animationName"))
    assert animations == ["none", "turn"]


def test_the_policy_arrives_and_holds(open_page: Open) -> None:
    """The browser got the policy, and code that stands in the page does not run."""
    page = open_page()
    answer = page.context.request.get(page.url, headers={"Accept": "text/html"})
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_inline_code_does_not_run(visit: Callable[..., Visit]) -> None:
    """A label that were HTML could do nothing, even if it became a part of the page."""
    opened = visit()
    page = opened.open()
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'broken in'";
          document.body.append(script);
        }"""
    )
    assert page.title() == "Classify images – Andon"
    assert any("Content Security Policy" in trouble for trouble in opened.troubles)


def test_without_javascript_the_page_says_what_to_do(visit: Callable[..., Visit], service: str) -> None:
    """The service works without the page."""
    page = visit(java_script_enabled=False).page
    page.goto(service)
    assert "POST /predict" in page.locator("main").inner_text()
