"""Which language the page speaks: the one that is asked for, else the one that the browser prefers."""

import re
from collections.abc import Iterator

LANGUAGES = ("en", "zh")
"""The languages of the page; the first one is for whoever prefers none of them."""
HTML_TAGS = {"en": "en", "zh": "zh-CN"}
"""The tag of each language, as `<html lang>` and `Content-Language` have it."""
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def choose_language(accept_language: str, asked: str | None = None) -> str:
    """
    Choose the language of the page.

    Args:
        accept_language: The header `Accept-Language`; empty where there is none. A range that
            cannot be read does not count, and the quality 0 refuses a language.
        asked: The value of `?lang=`, None where there is none. It wins where it names a language
            of the page, in any case and of any region.

    Returns:
        One of `LANGUAGES`.

    Source:
        RFC 9110, section 12.5.4. Of equal qualities the one named first wins.

    >>> choose_language("de, zh-TW;q=0.9, en;q=0.8"), choose_language("zh;q=0, *"), choose_language("zh", "EN")
    ('zh', 'en', 'en')
    """
    if asked is not None and (language := _without_region(asked)) in LANGUAGES:
        return language
    ranges = list(_ranges(accept_language))
    best = max(LANGUAGES, key=lambda language: _preference(language, ranges))
    return best if _preference(best, ranges)[0] > 0 else LANGUAGES[0]


def _preference(language: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """Give the quality of a language, and its place in the header, later ones being lower."""
    named = [(quality, -place) for place, (name, quality) in enumerate(ranges) if name == language]
    others = [(quality, -place) for place, (name, quality) in enumerate(ranges) if name == "*"]
    return max(named or others, default=(0.0, 0))


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for item in header.split(","):
        name, *parameters = (word.strip().lower() for word in item.split(";"))
        qualities = [word[2:].strip() for word in parameters if word.startswith("q=")] or ["1"]
        if _QUALITY.fullmatch(qualities[0]):
            yield _without_region(name), float(qualities[0])


def _without_region(tag: str) -> str:
    return tag.strip().lower().partition("-")[0]
