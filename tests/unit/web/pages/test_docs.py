"""The page of the description, before any browser has seen it."""

import re

import pytest

from andon.settings.serve import ServeSettings
from andon.web.messages import Request
from andon.web.openapi.document import openapi_document
from andon.web.pages.docs import COPY_WORDS, answer_docs
from andon.web.pages.language import LANGUAGES
from andon.web.pages.static_files import static_file
from andon.web.pages.words import words_of

BASE = "http://127.0.0.1:5555"


def page(language: str, settings: ServeSettings | None = None, base_url: str = BASE) -> str:
    """Render the page as text."""
    document = openapi_document(settings or ServeSettings())
    request = Request(headers={"accept-language": "de"}, request_id="1")
    return answer_docs(request, document, base_url=base_url, asked_language=language).body.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_operation_is_on_the_page(language: str) -> None:
    """Each has its card, which the contents lead to."""
    html = page(language)
    ids = set(re.findall(r'<article id="(\w+)"', html))
    assert len(ids) == 23
    assert {found for found in re.findall(r'href="#(\w+)"', html) if found != "operations"} == ids


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh", "zh-CN")])
def test_the_page_says_its_language(language: str, tag: str) -> None:
    """The frame is in the language of the reader, and what is English in it says so."""
    html = page(language)
    assert f'<html lang="{tag}">' in html
    assert words_of(language)["docs.takes"] in html
    assert (words_of(language)["docs.language"] in html) == (language != "en")
    assert '<p class="does" lang="en">' in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_in_the_page_needs_a_looser_policy(language: str) -> None:
    """No script or style stands in it, and everything that it loads is served here."""
    html = page(language)
    assert re.findall(r"<script(?! type=\"application/json\"| type=\"module\" src=\"static/docs.js\")", html) == []
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    for name in re.findall(r'(?:src|href)="static/([^"]+)"', html):
        assert static_file(name), name


def test_the_answer_brings_the_policy() -> None:
    """As the page that classifies images."""
    answer = answer_docs(
        Request(headers={}, request_id="1"), openapi_document(ServeSettings()), base_url=BASE, asked_language=None
    )
    assert answer.content_type == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Language"] == "en"


def test_the_token_is_spoken_of_where_there_is_one() -> None:
    """The operations that need it say so, and the page where the commands take it from."""
    with_token = page("en", ServeSettings(token="t" * 16))
    assert with_token.count(words_of("en")["docs.locked"]) == 16
    assert words_of("en")["docs.token"] in with_token
    assert words_of("en")["docs.locked"] not in page("en")


def test_an_address_cannot_become_markup() -> None:
    """The address of the service comes from the request."""
    assert "<b>" not in page("en", base_url="http://<b>")


def test_the_buttons_get_their_words() -> None:
    """What the script says is in the language of the page."""
    html = page("zh")
    found = re.search(r'<script type="application/json" id="words">(.*?)</script>', html)
    assert found
    assert all(key in found[1] for key in COPY_WORDS)
