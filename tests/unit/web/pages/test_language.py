"""Which language a visitor gets."""

import pytest

from andon.web.pages.language import choose_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("fr, zh-Hant;q=0.5, en;q=0.4", "zh"),
        ("en;q=0.5,zh;q=0.8", "zh"),
        ("zh;q=0.8, en;q=0.8", "zh"),
        ("en;q=0.8, zh;q=0.8", "en"),
        ("ZH-cn ; q=0.3", "zh"),
        ("*", "en"),
        ("en;q=0, *;q=0.5", "zh"),
        ("zh;q=0, *", "en"),
        ("zh;q=0", "en"),
        ("en;q=0, zh;q=0", "en"),
        ("*;q=0.5, zh;q=0.1", "en"),
        ("zh;q=2, en;q=0.1", "en"),
        ("zh;q=much, en;q=0.1", "en"),
        (";;;,,=,q=1", "en"),
    ],
)
def test_the_browser_chooses_by_quality(header: str, language: str) -> None:
    """The highest quality wins, of equal ones the first; what cannot be read does not count."""
    assert choose_language(header) == language


@pytest.mark.parametrize(("asked", "language"), [("zh", "zh"), ("zh-CN", "zh"), ("EN", "en"), ("de", "zh"), ("", "zh")])
def test_the_language_that_is_asked_for_wins(asked: str, language: str) -> None:
    """`?lang=` counts more than the header, where it names a language of the page."""
    assert choose_language("zh" if language == "zh" else "zh, en;q=0.1", asked) == language
