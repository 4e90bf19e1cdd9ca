"""
A network whose every wait ends at a point in time, so that a request cannot outlast its deadline.

httpcore hands the same number down to each read and write of a request. Taken as a duration, as its
own network does, a service that sends a byte now and then holds its client for ever. So it is taken
as a point in time here, in seconds of `time.monotonic`.
"""

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class TimedBackend(httpcore.NetworkBackend):
    """Opens streams that keep to the point in time that each wait is given."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection; the look-up of a name takes as long as the system's resolver lets it."""
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._network.connect_tcp(host, port, left_s, local_address, socket_options))


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it; the stream below would begin its wait anew for each part, and copy what is left."""
        connection: socket.socket = self._stream.get_extra_info("socket")
        left = memoryview(buffer)
        try:
            while left:
                connection.settimeout(_left_s(timeout, httpcore.WriteTimeout))
                left = left[connection.send(left) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left_s(ends: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """Give the seconds until a point in time; a socket would take 0 of them for not waiting at all."""
    if ends is None:
        return None
    left_s = ends - time.monotonic()
    if left_s <= 0:
        raise late("the deadline passed")
    return left_s
