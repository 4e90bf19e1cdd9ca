"""What was found is drawn where it is."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.support.browser import choose
from tests.support.finders import SPOT, texture, with_spots, write_finder
from tests.support.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
Open = Callable[..., "Page"]
WIDTH, HEIGHT = 640, 300
SPOTS = ((100, 50), (500, 220))
PLACES = """() => [...document.querySelectorAll(".boxes rect")].map((box) => {
  const [of, on] = [box.getBoundingClientRect(), document.querySelector(".found img").getBoundingClientRect()];
  return [of.left + of.width / 2 - on.left, of.top + of.height / 2 - on.top, on.width, on.height];
})"""
"""Centres of the boxes that are drawn, counted from the image's upper left corner, and the size of its place."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page of a service that finds spots."""
    with Served(write_finder(tmp_path_factory.mktemp("finder") / "spots.andon", "boxes")) as started:
        yield started.page


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A part with two spots, and one with none; and the bad one as cameras store it that say how to turn it."""
    folder = tmp_path_factory.mktemp("parts")
    paths = {name: folder / f"{name}.png" for name in ("bad", "good")}
    for orientation in (3, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        paths[f"turned {orientation}"] = folder / f"turned {orientation}.jpg"
        spots = Image.fromarray(with_spots(texture(WIDTH, HEIGHT), *SPOTS))
        spots.save(paths[f"turned {orientation}"], quality=95, exif=exif)
    Image.fromarray(with_spots(texture(WIDTH, HEIGHT), *SPOTS)).save(paths["bad"])
    Image.fromarray(texture(WIDTH, HEIGHT)).save(paths["good"])
    return paths


@pytest.mark.parametrize("part", ["bad", "turned 3", "turned 6"])
def test_boxes_lie_upon_what_they_show(open_page: Open, parts: dict[str, Path], part: str) -> None:
    """However the image is fitted into its place, to three pixels of the screen; not turned, as the model sees it."""
    page = open_page()
    choose(page, parts[part])
    page.wait_for_selector(".boxes rect", state="attached")
    found = sorted(page.evaluate(PLACES))
    assert len(found) == 2
    for (x, y, width, height), (left, upper) in zip(found, SPOTS, strict=True):
        scale = min(width / WIDTH, height / HEIGHT)
        border_x, border_y = (width - WIDTH * scale) / 2, (height - HEIGHT * scale) / 2
        assert abs(x - border_x - (left + SPOT / 2) * scale) < 3
        assert abs(y - border_y - (upper + SPOT / 2) * scale) < 3
    assert page.locator(".summary .badge").inner_text() == "NotOK"
    assert page.locator(".found-heading").inner_text() == "Where it was found: 2"


def test_a_defect_of_a_few_pixels_can_be_seen_in_a_large_image(open_page: Open, tmp_path: Path) -> None:
    """Its frame is drawn larger than it is, around it, and names the label."""
    Image.fromarray(with_spots(texture(4000, 2500), (1600, 1250))).save(tmp_path / "large.png", compress_level=1)
    page = open_page()
    choose(page, tmp_path / "large.png")
    page.wait_for_selector(".boxes rect", state="attached")
    frame = page.locator(".boxes rect").bounding_box()
    assert frame is not None
    assert min(frame["width"], frame["height"]) > 8
    assert "spot" in (page.locator(".boxes rect title").text_content() or "")


def test_where_nothing_is_found_that_is_said(open_page: Open, parts: dict[str, Path]) -> None:
    """In place of a label and without a score, in both languages."""
    for locale, words, reason in (
        ("en-GB", "nothing found", "no bad label was found"),
        ("zh-CN", "未发现目标", "未发现缺陷标签。"),
    ):
        page = open_page(locale=locale)
        choose(page, parts["good"])
        assert page.locator("#list .label").inner_text() == words
        assert page.locator(".summary .label").inner_text() == words
        assert page.locator(".reasons li").inner_text() == reason
        assert page.locator(".boxes").count() == 0
