"""Options are checked when they are set, not when they are first used."""

from typing import Any

import pytest

from andon.client.options import DEFAULT_OPTIONS, ClientOptions, authorisation, client_closed, require_deadline
from andon.errors import UsageError


def test_the_defaults_are_valid() -> None:
    """A client without options tries four times, and leaves the lane to the service."""
    assert ClientOptions() == DEFAULT_OPTIONS
    assert (DEFAULT_OPTIONS.retries, DEFAULT_OPTIONS.priority) == (6, None)


@pytest.mark.parametrize("wrong", [{"retries": -1}, {"connections": 0}, {"priority": "urgent"}])
def test_a_value_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    """The error names the option and what it may be."""
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} is .*expected"):
        ClientOptions(**wrong)


@pytest.mark.parametrize("deadline_s", [0.01, 1, 600.0])
def test_a_deadline_is_seconds(deadline_s: float) -> None:
    """Both ends are allowed."""
    assert require_deadline(deadline_s) == deadline_s


@pytest.mark.parametrize("deadline_s", [0, 0.009, -1, 600.1, float("inf"), float("nan")])
def test_a_deadline_is_one_that_a_service_takes(deadline_s: float) -> None:
    """Neither none at all, nor one that never comes."""
    with pytest.raises(UsageError, match=r"expected 0\.01 to 600 seconds"):
        require_deadline(deadline_s)


def test_a_token_becomes_a_header() -> None:
    """Without a token there is none."""
    assert authorisation("s3cret") == {"Authorization": "Bearer s3cret"}
    assert authorisation(None) == {}


@pytest.mark.parametrize("token", ["", "two words", "line\n", "line\r\nX-Evil: 1", "schlüssel"])
def test_a_token_cannot_smuggle_a_header(token: str) -> None:
    """What would end the header is refused, and not repeated."""
    with pytest.raises(UsageError) as caught:
        authorisation(token)
    assert token == "" or token not in str(caught.value)


def test_a_closed_client_is_a_mistake_of_its_user() -> None:
    """It has a code as any other."""
    assert client_closed().code == "usage.argument"
