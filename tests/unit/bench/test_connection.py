"""One connection: bytes in, whole answers out, with no socket."""

from typing import Any

import httptools
import pytest

from andon.bench import connection as module
from andon.bench.connection import Answer, Connection


class Wire:
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False

    def writelines(self, pieces: Any) -> None:
        """Keep the pieces."""
        self.written.extend(pieces)

    def abort(self) -> None:
        """Remember it."""
        self.aborted = True

    def is_closing(self) -> bool:
        """Say so."""
        return self.aborted


class Ear:
    """Who is told, with a connection on a wire."""

    def __init__(self) -> None:
        self.told: list[tuple[Answer | None, BaseException | None]] = []
        self.wire = Wire()
        self.connection = Connection(lambda answer, error: self.told.append((answer, error)))
        self.connection.connection_made(self.wire)  # type: ignore[arg-type]


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Request-ID: r-1\r\nServer-Timing: infer;dur=5\r\n\r\nbody"


def test_an_answer_is_whole_however_it_is_cut() -> None:
    """Byte by byte it is told once, at its last byte, with the id and the timing."""
    ear = Ear()
    for place in range(len(WHOLE)):
        assert ear.told == []
        ear.connection.data_received(WHOLE[place : place + 1])
    assert ear.told == [(Answer(200, b"body", b"r-1", b"infer;dur=5"), None)]
    assert ear.connection.is_usable


def test_head_and_body_go_out_as_they_are() -> None:
    """Without being joined: the body is never copied."""
    ear = Ear()
    body = bytes(10)
    ear.connection.ask(b"head", body)
    assert ear.wire.written == [b"head", body]
    assert ear.wire.written[1] is body


def test_two_answers_are_two_and_share_nothing() -> None:
    """What the first said is not in the second."""
    ear = Ear()
    ear.connection.data_received(WHOLE + b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
    assert [answer for answer, _ in ear.told] == [
        Answer(200, b"body", b"r-1", b"infer;dur=5"),
        Answer(429, b"", b"", b""),
    ]


def test_a_connection_that_will_be_closed_is_not_used_again() -> None:
    """The service says so with the answer."""
    ear = Ear()
    ear.connection.data_received(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert len(ear.told) == 1
    assert not ear.connection.is_usable


def test_what_is_not_http_ends_the_connection_with_the_parser_s_reason() -> None:
    """It is told when the connection has ended."""
    ear = Ear()
    ear.connection.data_received(b"220 mail.example ESMTP\r\n")
    assert ear.wire.aborted
    ear.connection.connection_lost(None)
    ((answer, error),) = ear.told
    assert answer is None
    assert isinstance(error, httptools.HttpParserError)


def test_an_answer_without_end_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by what one answer may have."""
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)
    ear = Ear()
    ear.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + bytes(1001))
    assert ear.wire.aborted
    assert ear.told == []


def test_the_end_of_a_connection_is_told_with_its_error() -> None:
    """And a connection that was never made can be closed."""
    ear = Ear()
    lost = ConnectionResetError()
    ear.connection.connection_lost(lost)
    assert ear.told == [(None, lost)]
    Connection(lambda _answer, _error: None).close()
