"""The words of the page: the same in each language, all of them used, and enough for every error."""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from andon.predictions import Verdict
from andon.web.pages.language import LANGUAGES
from andon.web.pages.words import words_of
from andon.web.problems import STATUS
from tests.support.chinese import english_words

PAGES = files("andon.web.pages")
FAMILIES = ("error.", "item.", "model.state.", "program.note.", "reason.", "stage.", "verdict.")
"""Keys of which the last part is filled in while the page runs."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def sources() -> Iterator[str]:
    """Yield the text of each template and module that uses words."""
    for folder in ("templates", "static"):
        for entry in PAGES.joinpath(folder).iterdir():
            if entry.name.endswith((".html", ".js")):
                yield entry.read_text(encoding="utf-8")


def test_every_language_has_the_same_keys() -> None:
    """No language lacks a text or has one too many."""
    assert {language: sorted(words_of(language)) for language in LANGUAGES} == {
        language: sorted(words_of("en")) for language in LANGUAGES
    }


@pytest.mark.parametrize("key", words_of("en"))
def test_the_languages_fill_in_the_same_values(key: str) -> None:
    """A value that one language shows is shown by the other."""
    values = [sorted(re.findall(r"\{(\w+)\}", words_of(language)[key])) for language in LANGUAGES]
    assert values[0] == values[1]


@pytest.mark.parametrize("key", words_of("zh"))
def test_every_chinese_text_is_chinese(key: str) -> None:
    """Nothing was forgotten in translation, and no text is only punctuation."""
    text = words_of("zh")[key]
    assert CHINESE.search(text)
    assert english_words(re.sub(r"\{\w+\}", "", text)) == []
    assert not CHINESE.search(words_of("en")[key])


@pytest.mark.parametrize("code", STATUS)
def test_every_error_that_a_client_can_meet_has_words(code: str) -> None:
    """A person is told what happened and what to do, for each code."""
    for language in LANGUAGES:
        assert len(words_of(language)[f"error.{code}"]) > 8


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_words(verdict: Verdict) -> None:
    """Each verdict has a word and a reason; the English word is the name that programs see."""
    assert words_of("en")[f"verdict.{verdict.name}"] == verdict.name
    for language in LANGUAGES:
        assert words_of(language)[f"reason.{verdict.name}"]


def test_every_text_is_used() -> None:
    """No text is left over from a part of the page that is gone."""
    used = "\n".join(sources())
    left = [key for key in words_of("en") if f'"{key}"' not in used and not key.startswith(FAMILIES)]
    assert left == []


def test_every_key_that_is_used_exists() -> None:
    """What the page asks for by its whole name is there."""
    asked = {key for text in sources() for key in re.findall(r"say\(\"([a-z_.A-Z]+)\"", text)}
    assert len(asked) > 20
    assert sorted(asked - set(words_of("en"))) == []


def test_words_cannot_be_changed() -> None:
    """All requests share them."""
    with pytest.raises(TypeError):
        words_of("en")["page.title"] = ""  # type: ignore[index]
