"""Tests of asking a service over HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from andon.bench.body import multipart_body
from andon.demo.ask import HOST, Answer, get, post_image
from andon.programs import usable_port
from tests.support.scripted import answers, says, scripted


@contextmanager
def answering_early(data: bytes) -> Iterator[int]:
    """Answer one connection with these bytes as soon as it has sent some; give the port."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(data)

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_an_answer_is_its_status_and_its_text() -> None:
    """Whatever the status; it is for the caller to judge."""
    with scripted(answers(404, "nichts für\nSie\n".encode())) as service:
        assert get(service.port, "/where") == Answer(404, "nichts für\nSie")
    (seen,) = service.received
    assert (seen.method, seen.path, seen.headers["accept"]) == ("GET", "/where", "text/plain")


def test_an_image_is_sent_as_curl_does() -> None:
    """One part of binary data under the field `file`, between boundaries that the header names."""
    image = bytes(range(256)) * 3
    with scripted(answers(404)) as service:
        post_image(service.port, "/run", image)
    (seen,) = service.received
    media_type, _, boundary = seen.headers["content-type"].partition("; boundary=")
    head, data = seen.body.split(b"\r\n\r\n", 1)
    assert (seen.method, seen.path, media_type) == ("POST", "/run", "multipart/form-data")
    assert head.startswith(f'--{boundary}\r\nContent-Disposition: form-data; name="file";'.encode())
    assert data == image + f"\r\n--{boundary}--\r\n".encode()
    assert multipart_body(image, "image", boundary).splitlines()[0] == seen.body.splitlines()[0]


def test_an_answer_before_the_end_of_the_body_counts() -> None:
    """A service that refuses a large body does not read it to its end."""
    refusal = b"HTTP/1.1 413 too large\r\nContent-Length: 2\r\n\r\nno"
    with answering_early(refusal) as port:
        try:
            answer = post_image(port, "/run", bytes(30_000_000))
        except ConnectionError:
            pytest.skip("the kernel dropped the answer with the connection")
    assert answer == Answer(413, "no")


def test_what_is_no_http_is_an_error_of_the_connection() -> None:
    """Something else listens there."""
    with (
        scripted(says(b"220 mail ready\r\n")) as service,
        pytest.raises(ConnectionError, match=r"^GET /: Server disconnected"),
    ):
        get(service.port, "/")


def test_where_nothing_listens_the_connection_is_refused() -> None:
    """At once."""
    with pytest.raises(ConnectionError, match="refused"):
        get(usable_port(0), "/")
