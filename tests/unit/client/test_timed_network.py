"""Each wait of the network ends at a point in time. How that bounds a request is told in test_connections."""

import socket
import threading
import time
from contextlib import closing

import httpcore
import pytest

from andon.client.timed_network import TimedBackend
from tests.support.scripted import answers, http_answer, scripted
from tests.support.wire import HOST


def later() -> float:
    """Give a point in time that no test reaches."""
    return time.monotonic() + 60


def past() -> float:
    """Give a point in time that has passed."""
    return time.monotonic() - 1


def test_bytes_go_and_come() -> None:
    """A stream is what httpcore expects; without a point in time it waits as long as it takes."""
    with scripted(answers(200, b"hello")) as service:
        stream = TimedBackend().connect_tcp(HOST, int(service.url.rpartition(":")[2]), timeout=later())
        with closing(stream):
            stream.write(b"GET / HTTP/1.1\r\n\r\n", timeout=later())
            assert stream.read(1000, timeout=None) == http_answer(200, b"hello")
            assert isinstance(stream.get_extra_info("socket"), socket.socket)


def test_nothing_is_begun_after_its_time() -> None:
    """Not even what would not have to wait; each kind of wait has the error that httpcore knows."""
    with closing(socket.create_server((HOST, 0))) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(httpcore.ConnectTimeout):
            TimedBackend().connect_tcp(HOST, port, timeout=past())
        with closing(TimedBackend().connect_tcp(HOST, port)) as stream:
            with pytest.raises(httpcore.ReadTimeout):
                stream.read(1, timeout=past())
            with pytest.raises(httpcore.WriteTimeout):
                stream.write(b"x", timeout=past())


def test_a_wait_ends_when_its_time_comes() -> None:
    """A peer that says nothing, and one that reads nothing."""
    with (
        closing(socket.create_server((HOST, 0))) as listening,
        closing(TimedBackend().connect_tcp(HOST, listening.getsockname()[1])) as stream,
    ):
        with pytest.raises(httpcore.ReadTimeout):
            stream.read(1, timeout=time.monotonic() + 0.02)
        with pytest.raises(httpcore.WriteTimeout):
            stream.write(bytes(64_000_000), timeout=time.monotonic() + 0.1)


@pytest.mark.slow
def test_a_peer_that_reads_a_little_gains_no_time() -> None:
    """However often a part of a write goes through, the whole of it ends in time."""
    ended = threading.Event()

    def read_slowly(listening: socket.socket) -> None:
        with listening.accept()[0] as connection:
            while not ended.wait(0.02) and connection.recv(65536):
                pass

    with closing(socket.create_server((HOST, 0))) as listening:
        reader = threading.Thread(target=read_slowly, args=[listening])
        reader.start()
        # Whatever writes on and on does so until this ends the reader, and then the error is another one.
        watchdog = threading.Timer(20, ended.set)
        watchdog.start()
        with (
            closing(TimedBackend().connect_tcp(HOST, listening.getsockname()[1])) as stream,
            pytest.raises(httpcore.WriteTimeout),
        ):
            stream.write(bytes(500_000_000), timeout=time.monotonic() + 0.2)
        assert not ended.is_set()
        watchdog.cancel()
        ended.set()
        reader.join()


def test_a_peer_that_is_gone_is_a_failed_write() -> None:
    """It is told as httpcore tells it."""
    with closing(socket.create_server((HOST, 0))) as listening:
        stream = TimedBackend().connect_tcp(HOST, listening.getsockname()[1])
        listening.accept()[0].close()
        with closing(stream), pytest.raises(httpcore.WriteError):
            stream.write(bytes(64_000_000), timeout=later())
