"""The root of the service: a page for browsers, the seed's greeting for everybody else."""

import pytest

from tests.support.served import asked

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_browser_gets_the_page_in_its_language() -> None:
    """HTML, in the language of the browser or the one that is asked for, with the limit of this service."""
    with asked(max_image_bytes=3_000_000) as client:
        english = client.get("/", headers={"Accept": BROWSER, "Accept-Language": "de, en;q=0.5"})
        chinese = client.get("/?lang=zh", headers={"Accept": BROWSER})
    assert english.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="en"' in english.text
    assert "3000000" in english.text
    assert '<html lang="zh-' in chinese.text


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/json", "text/html;q=0"])
def test_others_get_the_greeting(accept: str) -> None:
    """As the seed's server answers; a cache must not mix the two up."""
    with asked() as client:
        answer = client.get("/", headers={"Accept": accept})
    assert (answer.status_code, answer.text) == (200, "classifier api")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Accept" in answer.headers["vary"]


def test_the_files_of_the_page_are_served() -> None:
    """Each address that the page names below `static/` is there; any other one is not."""
    with asked() as client:
        assert client.get("/static/page.css").headers["content-type"].startswith("text/css")
        missing = client.get("/static/..%2Fpage.py")
    assert missing.status_code == 404
    assert missing.json()["code"] == "request.path"


def test_the_page_knows_that_a_token_is_needed() -> None:
    """So that it asks for it before the service has to refuse."""
    with asked() as client:
        assert "data-needs-token" not in client.get("/", headers={"Accept": BROWSER}).text
    with asked(token="t" * 16) as client:
        assert "data-needs-token" in client.get("/", headers={"Accept": BROWSER}).text
