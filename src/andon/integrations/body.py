"""
The body of a request, read into memory from a server that blocks, within a bound.

Frameworks would write files that are not small to disk, and their limits are those of the
application around.
"""

from collections.abc import Callable, Mapping
from typing import Any

from andon.errors import RequestError
from andon.settings.limits import MAX_DRAINED_BYTES
from andon.web.dialects.bodies import over_the_limit
from andon.web.messages import whole_number

_PIECE_BYTES = 1024 * 1024

Read = Callable[[int], bytes]
"""Gives at most so many bytes of a stream; nothing at its end."""


def read_wsgi_body(environ: Mapping[str, Any], limit_bytes: int) -> bytes:
    """
    Read the body of a WSGI request.

    Args:
        environ: Its length may be declared, wrongly declared, or absent with chunked coding. Where
            a server does not say that it ends such a stream itself, the body counts as empty: to
            read it would be to wait for ever.
        limit_bytes: As `read_body` takes it.

    Raises:
        RequestError: As `read_body` and `declared_length`.
    """
    declared = declared_length(environ)
    if declared is None and not environ.get("wsgi.input_terminated"):
        return b""
    return read_body(environ["wsgi.input"].read, declared, limit_bytes)


def declared_length(environ: Mapping[str, Any]) -> int | None:
    """
    Give the length that a request declares; None where it declares none, or is chunked.

    Args:
        environ: Of WSGI, or what has the same names.

    Raises:
        RequestError: `request.header`: it is no number.
    """
    text = environ.get("CONTENT_LENGTH") or None
    if text is None or "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    found = whole_number(text, max_digits=19)
    if found is None:
        raise RequestError(f"Content-Length is {text[:40]!r}, expected a number of bytes", code="request.header")
    return found


def read_body(read: Read, declared: int | None, limit_bytes: int) -> bytes:
    """
    Read a body into memory.

    Args:
        read: Of its stream; never asked for more than is declared.
        declared: How many bytes it should have; None to read to the end of the stream.
        limit_bytes: 1 or more. Of a larger body `MAX_DRAINED_BYTES` at most are read and thrown
            away: a server that closes a connection with unread bytes resets it, and the client
            would not see why.

    Raises:
        RequestError: `request.bytes`: it is larger; `request.body`: it breaks off, or its chunks
            cannot be read.
    """
    try:
        too_large = declared is not None and declared > limit_bytes
        body = b"" if too_large else _read_at_most(read, limit_bytes + 1 if declared is None else declared)
        if too_large or len(body) > limit_bytes:
            _drain(read, MAX_DRAINED_BYTES if declared is None else min(declared, MAX_DRAINED_BYTES))
            raise over_the_limit(limit_bytes)
    except RequestError:
        raise
    except Exception as error:
        # Each server has its own errors for a connection that breaks, and for chunks that make no sense.
        raise RequestError("the body cannot be read to its end", code="request.body") from error
    if declared is not None and len(body) < declared:
        raise RequestError(f"the body ends after {len(body)} of {declared} bytes", code="request.body")
    return body


def _drain(read: Read, size_bytes: int) -> None:
    while size_bytes > 0 and (piece := read(min(_PIECE_BYTES, size_bytes))):
        size_bytes -= len(piece)


def _read_at_most(read: Read, size_bytes: int) -> bytes:
    pieces: list[bytes] = []
    while size_bytes > 0 and (piece := read(min(_PIECE_BYTES, size_bytes))):
        pieces.append(piece)
        size_bytes -= len(piece)
    return b"".join(pieces)
