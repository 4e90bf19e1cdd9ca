"""The words of the page: one file of JSON for each language, read by the template and, through it, by the browser."""

import functools
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

import msgspec

from andon.vision.formats import FORMATS


@functools.cache
def words_of(language: str) -> Mapping[str, str]:
    """
    Read the words of one language.

    Args:
        language: One of `andon.web.pages.language.LANGUAGES`.

    Returns:
        A text for each key; every language has the same keys. `{formats}` in a text is filled in
        here, any other `{name}` by the browser.
    """
    text = files("andon.web.pages").joinpath("languages", f"{language}.json").read_bytes()
    words = msgspec.json.decode(text, type=dict[str, str])
    names = ", ".join(form.name for form in FORMATS)
    return MappingProxyType({key: word.replace("{formats}", names) for key, word in words.items()})
