"""A real chromium, and a page in it whose troubles are written down."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

INSECURE_HOST = "andon.test"
"""A name that leads to 127.0.0.1; a browser does not trust it as it trusts that address."""
ARGUMENTS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1",
]


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Debian's chromium; skip where it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """
    A page that is open, with everything that went wrong in it.

    Args:
        browser: Where; the page gets a fresh profile.
        url: What is opened.
        options: Of the browser context, as `locale` or `color_scheme`.
    """

    def __init__(self, browser: "Browser", url: str, **options: Any) -> None:
        self.troubles: list[str] = []
        self._origin = urlsplit(url)[:2]
        self._context = browser.new_context(**{"locale": "en-GB", **options})
        self.page: Page = self._context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.troubles.append(f"uncaught: {error}"))
        self.page.on("request", self._watch)
        self.page.on("requestfailed", lambda request: self.troubles.append(f"failed: {request.url}"))
        self.page.on("response", self._check)
        self._url = url

    def open(self) -> "Page":
        """Open the page, and wait until it knows its models, why it does not, or that it needs the token."""
        self.page.goto(self._url)
        self.page.locator("#model dl, #model .notice, #token:not([hidden])").first.wait_for()
        return self.page

    def close(self) -> None:
        """Close the page and forget its profile; a request that a test holds meanwhile is nobody's trouble."""
        self.page.unroute_all(behavior="ignoreErrors")
        self._context.close()

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")

    def _watch(self, request: "Request") -> None:
        if not request.url.startswith("blob:") and urlsplit(request.url)[:2] != self._origin:
            self.troubles.append(f"elsewhere: {request.url}")

    def _check(self, response: "Response") -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")


def choose(page: "Page", *paths: Any) -> None:
    """Choose files, and wait until nothing is on its way any more."""
    page.set_input_files("#files", [str(path) for path in paths])
    page.locator("#results").wait_for()
    page.locator("#cancel-rest").wait_for(state="hidden")
