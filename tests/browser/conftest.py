"""A browser for each module, a service for the page, and pages that are quiet unless a test expects trouble."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import Visit, chromium
from tests.support.bundles import colour_image, encode, write_colours
from tests.support.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RGB = {"red": (200, 40, 40), "green": (40, 180, 60), "olive": (128, 118, 60)}


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A browser; for one module only, since it holds the event loop of the thread while it runs."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that judges: green is good, red is bad from 0.9 on and open from 0.3 on, blue is bad."""
    decision = {"ok_labels": ["green"], "thresholds": {"red": {"low": 0.3, "high": 0.9}}}
    return write_colours(tmp_path_factory.mktemp("parts") / "parts.andon", name="parts", decision=decision)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Images by the name of their colour, and `text`, which is none; the names of the files are Chinese."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = {colour: folder / f"零件 {colour}.png" for colour in RGB}
    for colour, path in paths.items():
        path.write_bytes(encode(colour_image(RGB[colour], (320, 240))))
    paths["text"] = folder / "说明.txt"
    paths["text"].write_text("not an image")
    return paths


@pytest.fixture(scope="module")
def service(parts: Path, colours: Path) -> Iterator[str]:
    """The address of the page of a service with the models `parts` and `colours`."""
    with Served(parts, colours) as started:
        yield started.page


@pytest.fixture
def visit(browser: "Browser", service: str) -> Iterator[Callable[..., Visit]]:
    """Prepare visits of the page, which are closed in the end; their troubles are the test's to judge."""
    visits: list[Visit] = []

    def prepare(url: str = service, **options: Any) -> Visit:
        visits.append(Visit(browser, url, **options))
        return visits[-1]

    yield prepare
    for made in visits:
        made.close()


@pytest.fixture
def open_page(visit: Callable[..., Visit]) -> "Iterator[Callable[..., Page]]":
    """Open pages of which, in the end, no request failed and no console had anything to say."""
    visits: list[Visit] = []

    def open_one(*args: Any, **options: Any) -> "Page":
        visits.append(visit(*args, **options))
        return visits[-1].open()

    yield open_one
    assert [trouble for made in visits for trouble in made.troubles] == []
