"""The least that an ASGI application can do with an image: read it, and answer a few bytes. See `front.py`."""

from typing import Any

_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Read a body to its end, and answer `{}`."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"{}"})
