"""A service that does what a script says: to see what becomes of its clients. It speaks HTTP and knows no model."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from tests.support.answers import problem_json
from tests.support.wire import HOST


class Received(NamedTuple):
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Stage(NamedTuple):
    """What an act has to do with."""

    connection: socket.socket
    request: Received
    ended: threading.Event
    """Set when the test is over; an act that hangs waits for it."""


Act: TypeAlias = Callable[[Stage], bool]
"""Answers one request, and tells whether the connection is kept."""


def http_answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Write an answer down; underscores in names of headers become hyphens."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(status: int = 200, body: bytes = b"", **headers: str) -> Act:
    """Answer, and keep the connection."""

    def act(stage: Stage) -> bool:
        stage.connection.sendall(http_answer(status, body, **headers))
        return True

    return act


def refuses(status: int, code: str, detail: str = "no", **headers: str) -> Act:
    """Answer with a problem."""
    return answers(status, problem_json(code, detail), **headers)


def says(data: bytes) -> Act:
    """Send these bytes, whatever they are, and close."""

    def act(stage: Stage) -> bool:
        stage.connection.sendall(data)
        return False

    return act


def resets(stage: Stage) -> bool:
    """Break the connection off, as a process that dies."""
    stage.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hangs(stage: Stage) -> bool:
    """Say nothing."""
    stage.ended.wait()
    return False


def drips(data: bytes) -> Act:
    """Send these bytes at once, and then one more from time to time, for ever."""

    def act(stage: Stage) -> bool:
        stage.connection.sendall(data)
        with contextlib.suppress(OSError):
            while not stage.ended.wait(0.02):
                stage.connection.sendall(b"x")
        return False

    return act


class Scripted:
    """A service that answers its n-th request with the n-th act, and all further ones with the last."""

    def __init__(self, acts: Sequence[Act], tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._acts = list(acts)
        self._tls = tls
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://{HOST}:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """End all acts and threads."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.is_set():
                connection, _ = self._listening.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._talk, args=[connection]))
                self._threads[-1].start()

    def _talk(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), self._encrypted(accepted) as connection:
            # A connection that nobody uses any more ends with the test too.
            connection.settimeout(0.05)
            while (request := self._read(connection)) is not None:
                with self._lock:
                    self.received.append(request)
                    act = self._acts[min(len(self.received), len(self._acts)) - 1]
                if not act(Stage(connection, request, self._ended)):
                    return

    def _encrypted(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        with connection:
            connection.settimeout(5)
            return self._tls.wrap_socket(connection, server_side=True)

    def _read(self, connection: socket.socket) -> Received | None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self._receive(connection)):
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        parts = [body]
        missing = int(headers.get("content-length", "0")) - len(body)
        while missing > 0 and (more := self._receive(connection)):
            parts.append(more)
            missing -= len(more)
        method, path, _ = first.split(" ")
        return Received(method, path, headers, b"".join(parts))

    def _receive(self, connection: socket.socket) -> bytes:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                return connection.recv(1 << 18)
        return b""


@contextlib.contextmanager
def scripted(*acts: Act, tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Run a service that does what the acts say."""
    service = Scripted(acts, tls)
    try:
        yield service
    finally:
        service.close()
