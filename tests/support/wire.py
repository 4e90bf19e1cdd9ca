"""HTTP by hand over one connection: what is sent is what the test says, and nothing else."""

import http.client
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.waiting import TIMEOUT_S

HOST = "127.0.0.1"


class Answer(NamedTuple):
    """One answer, whole."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage


class Wire:
    """One connection to a server."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send bytes, all of them."""
        self.socket.sendall(data)

    def try_to_send(self, data: bytes) -> bool:
        """Send bytes; false where the server has cut the connection off."""
        try:
            self.send(data)
        except ConnectionError:
            return False
        return True

    def send_until_refused(self, data: bytes, times: int) -> int:
        """Send bytes again and again; give how often the server took them before it hung up."""
        return next((count for count in range(times) if not self.try_to_send(data)), times)

    def answer(self, method: str = "POST") -> Answer:
        """Read one answer; `method` is that of the request. EOFError: the server has closed the connection."""
        line = self._received.readline()
        if not line:
            raise EOFError
        assert line.startswith(b"HTTP/1.1 "), line
        status = int(line.split()[1])
        headers = http.client.parse_headers(self._received)
        has_body = method != "HEAD" and status >= 200
        length = int(headers["Content-Length"]) if has_body else 0
        body = self._received.read(length)
        assert len(body) == length
        return Answer(status, body, headers)

    def rest(self) -> bytes:
        """Read until the server closes the connection in an orderly way. ConnectionError: it was reset."""
        return self._received.read()

    def rest_or_reset(self) -> bytes:
        """Read until the connection is at its end, whichever way."""
        received = b""
        try:
            while piece := self._received.read1(65536):
                received += piece
        except ConnectionError:
            pass
        return received

    def vanish(self) -> None:
        """Go away as a machine does whose power fails and comes back: with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._received.close()
        self.socket.close()


@contextmanager
def wire(port: int, host: str = HOST) -> Iterator[Wire]:
    """Open a connection, and close it in the end."""
    connection = Wire(port, host)
    try:
        yield connection
    finally:
        connection.close()


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    """Write the head of a request."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *lines, "", "")).encode("latin-1")


def whole(path: str, body: bytes, *lines: str) -> bytes:
    """Write a whole request to classify one image."""
    return head(path, "Content-Type: image/png", f"Content-Length: {len(body)}", *lines) + body


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one proper request over a connection of its own, whose headers go out as they are given."""
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), answer.headers)
    finally:
        connection.close()
