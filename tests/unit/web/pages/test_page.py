"""The page as bytes, before any browser has seen it."""

import json
import re
from html.parser import HTMLParser

import pytest

from andon.vision.formats import FORMATS, ImageFormat
from andon.web.pages.language import LANGUAGES
from andon.web.pages.page import render_page
from andon.web.pages.static_files import static_file
from andon.web.pages.words import words_of

LIMIT_BYTES = 1234


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.found.append((tag, dict(attrs)))


def page(language: str) -> str:
    """Render the page as text."""
    return render_page(language, max_image_bytes=LIMIT_BYTES).decode()


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh", "zh-CN")])
def test_the_page_says_its_language(language: str, tag: str) -> None:
    """`<html lang>` and the title are of the language."""
    html = page(language)
    assert f'<html lang="{tag}">' in html
    assert f"<title>{words_of(language)['page.title']}</title>" in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_browser_gets_the_words(language: str) -> None:
    """They come with the page as data that no text of them can break out of."""
    found = re.search(r'<script type="application/json" id="words">(.*?)</script>', page(language), re.DOTALL)
    assert found
    assert json.loads(found[1]) == dict(words_of(language))
    assert "<" not in found[1]


def test_the_browser_gets_the_limit() -> None:
    """It refuses by itself what the service would refuse."""
    assert f'data-max-image-bytes="{LIMIT_BYTES}"' in page("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_in_the_page_needs_a_looser_policy(language: str) -> None:
    """No inline script, no style, no handler in an attribute."""
    for tag, attributes in Tags(page(language)).found:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or attributes.get("src") or attributes["type"] == "application/json"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_address_is_relative_to_the_page(language: str) -> None:
    """The page works under a prefix, and fetches nothing from elsewhere."""
    addresses = [
        value
        for _, attributes in Tags(page(language)).found
        for name, value in attributes.items()
        if name in ("href", "src") and value is not None
    ]
    assert len(addresses) > 5
    assert [
        address for address in addresses if not re.match(r"(static/[\w.]+|docs|\?lang=\w+|#[\w-]+)$", address)
    ] == []
    files = [address.removeprefix("static/") for address in addresses if address.startswith("static/")]
    assert [name for name in files if static_file(name) is None] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_identifier_is_given_twice(language: str) -> None:
    """What points to an element finds it, and one only."""
    tags = Tags(page(language)).found
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert sorted(ids) == sorted(set(ids))
    pointers = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "data-copies")
    targets = {attributes[name] for _, attributes in tags for name in pointers if name in attributes}
    targets |= {
        (attributes["href"] or "")[1:] for _, attributes in tags if (attributes.get("href") or "").startswith("#")
    }
    assert sorted(str(target) for target in targets - set(ids)) == []


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_page_offers_and_knows_every_format_that_is_taken(form: ImageFormat) -> None:
    """In the dialog for files, by what the page looks for in the first bytes, and in words."""
    tags = Tags(page("en")).found
    (files,) = [attributes for tag, attributes in tags if tag == "input" and attributes.get("id") == "files"]
    (body,) = [attributes for tag, attributes in tags if tag == "body"]
    accepted = (files["accept"] or "").split(",")
    assert {form.media_type, *form.suffixes} <= set(accepted)
    assert set(form.beginnings) <= set((body["data-beginnings"] or "").split("|"))
    for language in LANGUAGES:
        assert form.name in words_of(language)["error.image.format"]
