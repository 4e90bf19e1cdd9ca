"""The secret that a request brings."""

import hmac

from andon.errors import RequestError
from andon.web.messages import Request


def require_token(request: Request, token: str | None) -> None:
    """
    Refuse a request without the token of the service.

    Args:
        request: Its header `Authorization: Bearer TOKEN` is looked at.
        token: None where the service has none, and everybody may ask.

    Raises:
        RequestError: `request.token`.
    """
    if token is None:
        return
    scheme, _, offered = request.headers.get("authorization", "").partition(" ")
    # The time of the comparison does not tell how much of the token is right.
    if scheme.lower() != "bearer" or not hmac.compare_digest(offered.strip().encode(), token.encode()):
        raise RequestError(
            "the request does not bring the token of this service",
            code="request.token",
            hint='send the header "Authorization: Bearer TOKEN"',
        )
