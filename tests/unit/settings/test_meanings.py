"""What settings mean is read from their declaration."""

import msgspec
import pytest

from andon.settings.limits import Limits
from andon.settings.meanings import meanings
from andon.settings.serve import ServeSettings


class Base:
    """A base."""

    first: int = 1
    """The first,
    over two lines."""
    silent: int = 2


class Derived(Base):
    """Adds a field, and says more of another."""

    second = 0
    """The second."""
    first: int = 3
    """The first, again."""

    def __init__(self) -> None:
        self.third = 3
        """The third."""


def test_the_text_under_a_field_is_its_meaning() -> None:
    """On one line; of bases too, unless the class says it anew; a field without a text has none."""
    assert meanings(Base) == {"first": "The first, over two lines."}
    assert meanings(Derived) == {"first": "The first, again.", "second": "The second.", "third": "The third."}


@pytest.mark.parametrize("kind", [Limits, ServeSettings])
def test_every_setting_has_a_meaning(kind: type[Limits]) -> None:
    """A sentence or more, for the help and the reference; those of the limits among the settings."""
    texts = meanings(kind)
    assert set(texts) == {field.name for field in msgspec.structs.fields(kind)}
    assert all(text.endswith(".") for text in texts.values())


def test_without_source_there_are_no_meanings() -> None:
    """Built-in classes, and installations of byte code, have none to read."""
    assert meanings(int) == {}
