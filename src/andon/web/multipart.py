"""
A body of `multipart/form-data` becomes its parts, in memory.

It knows nothing of images. No file name that a client sends is looked at, and nothing is written.
"""

import binascii
import logging

from msgspec import Struct
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from andon.errors import RequestError

MAX_PART_HEADERS = 8
"""Headers of one part; clients send three at most."""
MAX_PART_HEADER_BYTES = 4096
"""Bytes of one header line of a part."""
_AS_THEY_ARE = frozenset({"", "7bit", "8bit", "binary"})
_SILENT = logging.Logger("andon.web.multipart", logging.CRITICAL)
_WHITESPACE = b" \t\r\n"


class Part(Struct, frozen=True, kw_only=True):
    """One field of a form."""

    name: str
    """The name of the field; bytes that are not UTF-8 are replaced."""
    data: bytes
    """The content, with its `Content-Transfer-Encoding` undone."""


def parse_multipart(content_type: str, body: bytes, *, max_parts: int) -> list[Part]:
    """
    Parse a whole body.

    Args:
        content_type: The request's header, which names the boundary.
        body: Its lines end with CRLF, as the standard wants; with LF in a form that was typed by
            hand and holds no CR at all, so no binary file.
        max_parts: 1 or more; parsing stops at the first part beyond it.

    Returns:
        The parts in the order sent; none for a body that is only its closing boundary.

    Raises:
        RequestError: `request.images`: there are more parts than allowed; `request.body`: there
            is no boundary, the body does not follow its grammar or ends early, a part has no
            name, or its transfer encoding is unknown or is base64 that cannot be decoded.

    Source:
        RFC 7578; RFC 2045, section 6, for the transfer encodings.
    """
    # A header may hold what latin-1 does not, where no HTTP server has read it.
    _, options = parse_options_header(content_type.encode("latin-1", "replace"))
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise RequestError(
            "the content type multipart/form-data names no boundary",
            code="request.body",
            hint="let the client make the header: curl -F file=@part.jpg, requests.post(url, files=...)",
        )
    collector = _Collector(max_parts)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.begin_part,
                "on_header_begin": collector.begin_header,
                "on_header_field": collector.add_header_name,
                "on_header_value": collector.add_header_value,
                "on_part_data": collector.add_data,
                "on_part_end": collector.end_part,
                "on_end": collector.end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )
        # A client's mistake is answered, not logged; the parser would warn of each.
        parser.logger = _SILENT
        parser.write(body if b"\r" in body else body.replace(b"\n", b"\r\n"))
    except FormParserError as error:
        raise RequestError(
            f"the multipart body cannot be parsed: {error}",
            code="request.body",
            hint="lines end with CRLF, and the boundary is that of the content type",
        ) from None
    if not collector.is_complete:
        raise RequestError(
            "the multipart body ends before its closing boundary",
            code="request.body",
            hint="send the whole body; it ends with --BOUNDARY--",
        )
    return collector.parts


class _Collector:
    """Takes what the parser calls out, and keeps the finished parts."""

    def __init__(self, max_parts: int) -> None:
        self.parts: list[Part] = []
        self.is_complete = False
        self._max_parts = max_parts
        self._headers: list[tuple[bytearray, bytearray]] = []
        self._data: list[bytes] = []

    def begin_part(self) -> None:
        if len(self.parts) >= self._max_parts:
            raise RequestError(
                f"the form has more than {self._max_parts} parts, which is the limit",
                code="request.images",
                hint="send several requests",
            )
        self._headers, self._data = [], []

    def begin_header(self) -> None:
        self._headers.append((bytearray(), bytearray()))

    def add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1][0].extend(data[start:end])

    def add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1][1].extend(data[start:end])

    def add_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def end_part(self) -> None:
        headers = {bytes(name).lower(): bytes(value) for name, value in self._headers}
        kind, options = parse_options_header(headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise RequestError(
                f"part {len(self.parts) + 1} of the form has no name",
                code="request.body",
                hint='each part has a header Content-Disposition: form-data; name="file"; filename="part.jpg"',
            )
        name = options[b"name"].decode("utf-8", "replace")
        encoding = headers.get(b"content-transfer-encoding", b"").decode("latin-1").strip().lower()
        self.parts.append(Part(name=name, data=_decoded(b"".join(self._data), encoding)))
        self._data = []

    def end(self) -> None:
        self.is_complete = True


def _decoded(data: bytes, encoding: str) -> bytes:
    if encoding in _AS_THEY_ARE:
        return data
    if encoding != "base64":
        raise RequestError(
            f"the transfer encoding {encoding[:40]!r} is not served, expected base64 or binary", code="request.body"
        )
    try:
        return binascii.a2b_base64(data.translate(None, _WHITESPACE), strict_mode=True)
    except binascii.Error as error:
        raise RequestError(
            f"a part says that it is base64, but cannot be decoded: {error}",
            code="request.body",
            hint="`andon bench body IMAGE` writes such a body",
        ) from None
