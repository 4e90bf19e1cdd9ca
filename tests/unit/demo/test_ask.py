"""Tests of asking a service over HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from andon.bench.body import multipart_body
from andon.demo.ask import Answer, get, post_image


class Recorder(BaseHTTPRequestHandler):
    """Remembers what it was asked, and answers 404 with two lines."""

    seen: list[tuple[str, str, Message, bytes]]

    def do_GET(self) -> None:
        """Answer a GET request."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer a POST request."""
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.seen.append((self.command, self.path, self.headers, body))
        self.send_response(404)
        self.end_headers()
        self.wfile.write("nichts für\nSie\n".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the base class
        """Say nothing."""


@contextmanager
def recorder() -> Iterator[tuple[int, list[tuple[str, str, Message, bytes]]]]:
    """Run a recorder; give its port and what it has seen."""
    handler = type("Handler", (Recorder,), {"seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, handler.seen
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def answering(data: bytes, *, read_bytes: int) -> Iterator[int]:
    """Answer one connection with these bytes, after so many of its own; give the port."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(read_bytes)
            connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_an_answer_is_its_status_and_its_text() -> None:
    """Whatever the status; it is for the caller to judge."""
    with recorder() as (port, seen):
        assert get(port, "/where") == Answer(404, "nichts für\nSie")
    ((command, path, headers, _),) = seen
    assert (command, path, headers["Accept"]) == ("GET", "/where", "text/plain")


def test_an_image_is_sent_as_curl_does() -> None:
    """One part of binary data under the field `file`, between boundaries that the header names."""
    image = bytes(range(256)) * 3
    with recorder() as (port, seen):
        post_image(port, "/run", image)
    ((command, path, headers, body),) = seen
    boundary = headers.get_param("boundary")
    head, data = body.split(b"\r\n\r\n", 1)
    assert (command, path, headers.get_content_type()) == ("POST", "/run", "multipart/form-data")
    assert head.startswith(f'--{boundary}\r\nContent-Disposition: form-data; name="file";'.encode())
    assert data == image + f"\r\n--{boundary}--\r\n".encode()
    assert multipart_body(image, "image", str(boundary)).splitlines()[0] == body.splitlines()[0]


def test_an_answer_before_the_end_of_the_body_counts() -> None:
    """A service that refuses a large body does not read it to its end."""
    refusal = b"HTTP/1.1 413 too large\r\nContent-Length: 2\r\n\r\nno"
    with answering(refusal, read_bytes=100) as port:
        try:
            answer = post_image(port, "/run", bytes(30_000_000))
        except ConnectionResetError:
            pytest.skip("the kernel dropped the answer with the connection")
    assert answer == Answer(413, "no")


def test_what_is_no_http_is_an_error_of_the_connection() -> None:
    """Something else listens there."""
    with (
        answering(b"220 mail ready\r\n", read_bytes=10) as port,
        pytest.raises(ConnectionError, match="no proper HTTP"),
    ):
        get(port, "/")


def test_where_nothing_listens_the_connection_is_refused() -> None:
    """At once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        get(port, "/")
