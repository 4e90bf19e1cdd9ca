"""The page as bytes, in one of its languages."""

import functools
from typing import TYPE_CHECKING

from andon.vision.formats import FORMATS, MEDIA_TYPES, SUFFIXES
from andon.web.pages.language import HTML_TAGS, LANGUAGES
from andon.web.pages.words import words_of

if TYPE_CHECKING:
    import jinja2


@functools.lru_cache(maxsize=8)
def render_page(language: str, *, max_image_bytes: int, needs_token: bool = False) -> bytes:
    """
    Render the page.

    Every address in it is relative to that of the page, so that it also works under a prefix.

    Args:
        language: One of `LANGUAGES`.
        max_image_bytes: Bytes of one image, 1 or more; the page refuses a larger one by itself.
        needs_token: Whether the page asks for the token before it asks the service anything.

    Returns:
        HTML in UTF-8.
    """
    text = (
        templates()
        .get_template("page.html")
        .render(
            language=language,
            languages=LANGUAGES,
            tags=HTML_TAGS,
            words=words_of(language),
            script_words=dict(words_of(language)),
            max_image_bytes=max_image_bytes,
            accepted=",".join((*MEDIA_TYPES, *SUFFIXES)),
            beginnings="|".join(beginning for form in FORMATS for beginning in form.beginnings),
            needs_token=needs_token,
        )
    )
    return text.encode()


@functools.cache
def templates() -> "jinja2.Environment":
    """Give the templates of the pages."""
    # Late for weight: most processes that import the web package never show the page.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("andon.web.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
