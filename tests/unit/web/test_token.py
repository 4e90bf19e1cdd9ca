"""The secret that a request brings."""

import pytest

from andon.errors import RequestError
from andon.web.messages import Request
from andon.web.token import require_token

TOKEN = "sixteen-letters!"  # noqa: S105 -- an example


def request(authorization: str | None) -> Request:
    """Make a request with or without the header."""
    return Request(headers={} if authorization is None else {"authorization": authorization}, request_id="id-1")


@pytest.mark.parametrize("offered", [f"Bearer {TOKEN}", f"bearer  {TOKEN} ", f"BEARER {TOKEN}"])
def test_the_token_opens(offered: str) -> None:
    """The scheme may be written in any letters."""
    require_token(request(offered), TOKEN)


@pytest.mark.parametrize(
    "offered", [None, "", TOKEN, "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe4\xff"]
)
def test_anything_else_does_not(offered: str | None) -> None:
    """The hint shows the header; the token itself is not told."""
    with pytest.raises(RequestError) as caught:
        require_token(request(offered), TOKEN)
    assert caught.value.code == "request.token"
    assert "Authorization: Bearer TOKEN" in caught.value.hint
    assert TOKEN not in str(caught.value)


def test_without_a_token_everybody_may_ask() -> None:
    """Whatever they bring."""
    require_token(request(None), None)
    require_token(request("Bearer x"), None)
