"""HTTP/1.1 for a server that upgrades to nothing: a request that offers an upgrade is one like any other."""

from typing import Protocol

import httptools


class Listener(Protocol):
    """What hears of the parts of requests, as uvicorn's protocol does."""

    url: bytes
    headers: list[tuple[bytes, bytes]]
    """Lower-case names with their values, so far."""

    def on_message_begin(self) -> None:
        """A request begins."""
        ...

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        ...

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a line after a chunked body."""
        ...

    def on_headers_complete(self) -> None:
        """The head has come."""
        ...

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        ...

    def on_message_complete(self) -> None:
        """The request has come to its end."""
        ...


class PlainParser:
    """
    The parser of httptools, in place of which it is used.

    By itself that one leaves the connection to another protocol after a head that offers an
    upgrade, and the body is lost. Clients that prefer HTTP/2 offer it with each first request, Java's
    for one, and expect a plain answer where the server does not speak it.

    Args:
        listener: A request with an upgrade begins twice for it, and then goes on without the offer.

    Source:
        RFC 9110, section 7.8: a server may ignore a header `Upgrade`.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._is_skipping = False
        self.on_message_begin = listener.on_message_begin
        self.on_url = listener.on_url
        self.on_header = listener.on_header
        self.on_body = listener.on_body
        self._restart()

    def _restart(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        # As uvicorn sets it: what follows a request that closes the connection is no error.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.get_http_version = self._parser.get_http_version
        self.get_method = self._parser.get_method
        self.should_keep_alive = self._parser.should_keep_alive

    def should_upgrade(self) -> bool:
        """Say no."""
        return False

    def feed_data(self, data: bytes) -> None:
        """
        Parse what came.

        Raises:
            HttpParserError: It is no HTTP.
        """
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_without_offer() + data[upgrade.args[0] :]
                self._is_skipping = False
                self._restart()
            else:
                return

    def on_headers_complete(self) -> None:
        """Pass it on, unless the head has to be read again without its offer."""
        if self._parser.should_upgrade():
            if self._parser.get_method() == b"CONNECT":
                raise ValueError("this is no proxy")
            self._is_skipping = True
        else:
            self._listener.on_headers_complete()

    def on_message_complete(self) -> None:
        """Pass it on, unless it is only the head that has ended."""
        if not self._is_skipping:
            self._listener.on_message_complete()

    def _head_without_offer(self) -> bytes:
        version = self._parser.get_http_version().encode()
        first = b"%s %s HTTP/%s\r\n" % (self._parser.get_method(), self._listener.url, version)
        kept = [b"%s: %s\r\n" % header for header in self._listener.headers if header[0] != b"upgrade"]
        return b"".join([first, *kept, b"\r\n"])
