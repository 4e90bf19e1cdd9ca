"""Requests that offer an upgrade are parsed like any other."""

import httptools
import pytest

from andon.web.plain_parser import PlainParser


class Recorder:
    """Keeps what it hears of each request that comes to its end."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, list[tuple[bytes, bytes]], bytes]] = []
        self.heads = 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the address."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Count a head."""
        self.heads += 1

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """Keep the request."""
        self.requests.append((self.url, self.headers, self.body))


OFFER = b"Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n"
KEPT = [(b"connection", b"keep-alive, Upgrade"), (b"content-length", b"3")]
ONE = b"POST /a?b=c HTTP/1.1\r\n" + OFFER + b"Content-Length: 3\r\n\r\nabc"
CHUNKED = b"POST /a HTTP/1.1\r\n" + OFFER + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_offer_is_passed_over(step: int) -> None:
    """The body comes through, in pieces of any size; the next request does as well."""
    recorder = Recorder()
    parser = PlainParser(recorder)
    data = ONE + CHUNKED + ONE + b"GET / HTTP/1.1\r\n\r\n"
    for start in range(0, len(data), step):
        parser.feed_data(data[start : start + step])
    assert [(url, body) for url, _, body in recorder.requests] == [
        (b"/a?b=c", b"abc"),
        (b"/a", b"abc"),
        (b"/a?b=c", b"abc"),
        (b"/", b""),
    ]
    assert recorder.requests[0][1] == KEPT
    assert recorder.heads == 4


def test_what_is_known_of_a_request_is_that_of_the_parser() -> None:
    """Method, version and whether the connection is kept, when the head has come; an upgrade is never wanted."""
    found = []

    class Asking(Recorder):
        def on_headers_complete(self) -> None:
            found.append((parser.get_method(), parser.get_http_version(), parser.should_keep_alive()))
            assert not parser.should_upgrade()

    parser = PlainParser(Asking())
    parser.feed_data(b"PUT / HTTP/1.1\r\n" + OFFER + b"\r\nGET / HTTP/1.0\r\n\r\n")
    assert found == [(b"PUT", "1.1", True), (b"GET", "1.0", False)]


def test_a_tunnel_is_refused() -> None:
    """`CONNECT` asks for one, which is no request to answer; so is what is no HTTP at all."""
    for data in (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", b"rubbish\r\n\r\n"):
        recorder = Recorder()
        with pytest.raises(httptools.HttpParserError):
            PlainParser(recorder).feed_data(data)
        assert recorder.heads == 0
