"""Bodies in memory, whatever a server gives and however a client lies."""

from collections.abc import Iterator
from typing import Any

import pytest

from andon.errors import RequestError
from andon.integrations.body import MAX_DRAINED_BYTES, declared_length, read_body, read_wsgi_body


class Stream:
    """The body from a server that gives it in small pieces, and counts what was read."""

    def __init__(self, size_bytes: int, error: Exception | None = None) -> None:
        self.size_bytes = size_bytes
        self.given = 0
        self._error = error

    def read(self, size: int) -> bytes:
        """Give at most 100,000 bytes; at the end, nothing or the error."""
        piece = min(size, 100_000, self.size_bytes - self.given)
        if piece == 0 and self._error is not None:
            raise self._error
        self.given += piece
        return bytes(piece)


def environ(stream: Stream, declared: int | str | None, *, terminated: bool = True) -> dict[str, Any]:
    """Make what a WSGI server passes; `terminated` as gunicorn says that it ends the stream itself."""
    made: dict[str, Any] = {"wsgi.input": stream}
    if declared is not None:
        made["CONTENT_LENGTH"] = str(declared)
    if terminated:
        made["wsgi.input_terminated"] = True
    return made


@pytest.mark.parametrize(("declared", "terminated"), [(250_000, True), (250_000, False), (None, True)])
def test_a_body_is_read_whole(declared: int | None, *, terminated: bool) -> None:
    """With a declared length, or chunked; a server may give it in pieces of any size."""
    body = read_wsgi_body(environ(Stream(250_000), declared, terminated=terminated), 250_000)
    assert len(body) == 250_000


def test_a_body_of_unknown_length_is_empty() -> None:
    """Without a length and without chunks there is none; reading would wait for ever."""
    stream = Stream(10)
    assert read_wsgi_body(environ(stream, None, terminated=False), 100) == b""
    assert stream.given == 0


@pytest.mark.parametrize("declared", [1001, None])
def test_a_body_over_the_limit_is_drained_and_refused(declared: int | None) -> None:
    """The rest is read, so that the client listens; it is not kept."""
    stream = Stream(1001)
    with pytest.raises(RequestError) as caught:
        read_wsgi_body(environ(stream, declared), 1000)
    assert caught.value.code == "request.bytes"
    assert stream.given == 1001


@pytest.mark.parametrize("declared", [10**12, None])
def test_an_endless_body_is_not_drained_for_ever(declared: int | None) -> None:
    """What is thrown away has a bound too."""
    stream = Stream(10**12)
    with pytest.raises(RequestError):
        read_wsgi_body(environ(stream, declared), 1000)
    assert stream.given <= 1001 + MAX_DRAINED_BYTES


def test_a_limit_counts_what_comes_and_not_what_is_declared() -> None:
    """Chunked coding declares nothing, and a small declared length is all that is read."""
    stream = Stream(5000)
    assert len(read_wsgi_body(environ(stream, 10), 1000)) == 10
    assert stream.given == 10


@pytest.mark.parametrize("terminated", [True, False])
def test_a_body_that_breaks_off_is_refused(*, terminated: bool) -> None:
    """Fewer bytes than declared are not the image that was sent."""
    with pytest.raises(RequestError) as caught:
        read_wsgi_body(environ(Stream(99), 100, terminated=terminated), 1000)
    assert caught.value.code == "request.body"


def server_errors() -> Iterator[Exception]:
    """Give what servers raise while a body is read."""
    from gunicorn.http import errors

    yield errors.InvalidChunkSize(b"x")
    yield errors.ChunkMissingTerminator(b"x")
    yield errors.NoMoreData(b"x")
    yield ConnectionResetError(104, "Connection reset by peer")
    yield TimeoutError("timed out")


@pytest.mark.parametrize("error", list(server_errors()), ids=lambda error: type(error).__name__)
def test_what_a_server_raises_is_the_client_s_mistake(error: Exception) -> None:
    """Chunks that make no sense and lost connections are no fault of the service."""
    with pytest.raises(RequestError) as caught:
        read_wsgi_body(environ(Stream(10, error), None), 1000)
    assert caught.value.code == "request.body"
    assert caught.value.__cause__ is error


def test_a_request_to_stop_is_not_caught() -> None:
    """Gunicorn ends a worker that hangs while it reads."""
    with pytest.raises(SystemExit):
        read_wsgi_body(environ(Stream(10, SystemExit(1)), None), 1000)  # type: ignore[arg-type] # no Exception, on purpose


def test_a_stream_that_ends_by_itself_is_read_to_its_end() -> None:
    """As Django's under ASGI, where nothing is declared for a chunked body."""
    assert len(read_body(Stream(250_000).read, None, 250_000)) == 250_000


def test_nothing_is_read_beyond_what_is_declared() -> None:
    """A server that does not end its stream would wait there for ever, also while a body is thrown away."""
    stream = Stream(5000)
    with pytest.raises(RequestError):
        read_body(stream.read, 2000, 1000)
    assert stream.given == 2000


@pytest.mark.parametrize(
    ("environ", "length"),
    [
        ({"CONTENT_LENGTH": "12"}, 12),
        ({"CONTENT_LENGTH": "0"}, 0),
        ({"CONTENT_LENGTH": ""}, None),
        ({}, None),
        ({"CONTENT_LENGTH": "12", "HTTP_TRANSFER_ENCODING": "gzip, Chunked"}, None),
    ],
)
def test_a_length_is_declared_or_not(environ: dict[str, str], length: int | None) -> None:
    """An empty one is none, as some servers pass it; with chunked coding it does not count."""
    assert declared_length(environ) == length


@pytest.mark.parametrize("text", ["-1", "1e3", "+5", "٥", "9" * 5000, "1 2"])
def test_a_length_that_is_no_number_is_refused(text: str) -> None:
    """It is not taken for some other number."""
    with pytest.raises(RequestError) as caught:
        declared_length({"CONTENT_LENGTH": text})
    assert caught.value.code == "request.header"
