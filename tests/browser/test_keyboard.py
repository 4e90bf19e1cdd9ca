"""The whole page without a mouse."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Visit, choose

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
OPERABLE = "a[href], button:enabled, select, input, summary, pre[tabindex='0'], [role=option][tabindex='0']"
NAME = """(element) => {
  const own = element.id || element.getAttribute("aria-labelledby") || element.textContent.trim() || element.href;
  return `${element.tagName} ${own}`;
}"""
FOCUSED = f"({NAME})(document.activeElement)"
FOCUS_RING_PX = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
}"""


def reachable(page: "Page") -> list[str]:
    """List what can be operated and is shown; of a set of tabs or of a list, only the one that is chosen."""
    shown = page.locator(OPERABLE).filter(visible=True).all()
    return [element.evaluate(NAME) for element in shown if element.evaluate("element => element.tabIndex") == 0]


def press_tab_until(page: "Page", what: str) -> None:
    """Go on until an element has the focus; fail where the focus comes around without it."""
    seen: list[str] = []
    while (focused := page.evaluate(FOCUSED)) != what:
        assert focused not in seen, f"{what} is not reached: {seen}"
        seen.append(focused)
        page.keyboard.press("Tab")


def test_everything_can_be_reached_and_shows_its_focus(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """The Tab key comes to each control once, in the order of the page, and each has a ring."""
    page = visit().open()
    choose(page, pictures["red"], pictures["green"])
    page.evaluate("document.activeElement.blur()")
    expected = reachable(page)
    reached = []
    for _ in expected:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        assert page.evaluate(FOCUS_RING_PX) >= 2, reached[-1]
    assert reached == expected
    assert len(expected) > 12


def test_an_image_goes_all_the_way_by_keyboard(open_page: "Callable[..., Page]", pictures: dict[str, Path]) -> None:
    """Skip link, choice of the model and of files, list, result, tabs, copy."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    chosen = [str(pictures[colour]) for colour in ("red", "green", "olive")]
    page.on("filechooser", lambda chooser: chooser.set_files(chosen))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "drop"
    page.keyboard.press("Enter")
    page.locator("#progress", has_text="3 of 3 done").wait_for()

    press_tab_until(page, page.locator("#list li").first.evaluate(NAME))
    for key, verdict in (("ArrowDown", "OK"), ("End", "NotDecidable"), ("Home", "NotOK"), ("ArrowUp", "NotOK")):
        page.keyboard.press(key)
        assert page.locator("#detail .badge").inner_text() == verdict
    page.keyboard.press("Delete")
    assert page.locator("#list li").count() == 2
    assert page.locator("#detail .badge").inner_text() == "OK"
    assert page.evaluate("document.activeElement.role") == "option"

    press_tab_until(page, "BUTTON Classify again")
    page.keyboard.press("Enter")
    page.locator("#cancel-rest").wait_for(state="hidden")
    page.locator("#detail .badge", has_text="OK").wait_for()
    assert page.evaluate(FOCUSED) == "BUTTON Classify again"
    press_tab_until(page, "SUMMARY The answer as JSON")
    page.keyboard.press("Enter")
    page.locator("#detail details code", has_text="predictions").wait_for()

    press_tab_until(page, "BUTTON tab-curl")
    for key, tab in (("ArrowRight", "python"), ("End", "cpp"), ("ArrowRight", "curl"), ("ArrowLeft", "cpp")):
        page.keyboard.press(key)
        assert page.evaluate(FOCUSED) == f"BUTTON tab-{tab}"
        assert page.locator("[role=tabpanel]:visible").get_attribute("id") == f"panel-{tab}"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#panel-cpp .copy", has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#code-cpp").text_content()


def test_removing_and_clearing_keep_the_focus_on_the_page(
    open_page: "Callable[..., Page]", pictures: dict[str, Path]
) -> None:
    """What was pressed is gone, and the focus has gone to what is next."""
    page = open_page()
    choose(page, pictures["red"], pictures["green"])
    page.locator("#detail").get_by_role("button", name="Remove").press("Enter")
    assert page.evaluate("document.activeElement.role") == "option"
    page.keyboard.press("Delete")
    assert page.evaluate("document.activeElement.id") == "drop"
    choose(page, pictures["red"])
    page.locator("#clear").press("Enter")
    assert page.evaluate("document.activeElement.id") == "drop"


def test_what_happens_is_said_to_those_who_listen(open_page: "Callable[..., Page]", pictures: dict[str, Path]) -> None:
    """The result goes to a live region; list, rows, tabs and bars have roles and texts of their own."""
    page = open_page()
    choose(page, pictures["green"])
    said = page.locator("[role=status]#announcer").text_content() or ""
    assert said.startswith(f"{pictures['green'].name}: green")
    assert said.endswith("OK. 1 of 1 done.")
    row = page.get_by_role("listbox", name="Images and their results").get_by_role("option")
    assert row.get_attribute("aria-selected") == "true"
    assert page.get_by_role("tab", selected=True).inner_text() == "curl"
    assert page.get_by_role("table", name="Scores").get_by_role("row").nth(1).inner_text().startswith("green")
    assert page.locator("svg:not([aria-hidden=true])").count() == 0


def test_the_choice_of_the_model_keeps_the_focus(open_page: "Callable[..., Page]") -> None:
    """The card is written anew, and the select is still where the keys go."""
    page = open_page()
    page.locator("#model-choice").focus()
    page.keyboard.press("ArrowDown")
    page.locator("#code-curl", has_text="colours").wait_for()
    assert page.evaluate("document.activeElement.id") == "model-choice"
