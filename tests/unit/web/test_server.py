"""The process of `andon serve`: its models, its end."""

import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from andon.errors import BundleError, EngineError
from andon.service import Service
from andon.settings.serve import ServeSettings
from andon.web.asgi import CLOSING_S
from andon.web.listening import bind, url_of
from andon.web.server import Server
from tests.support.engines import FakeEngine
from tests.support.waiting import TIMEOUT_S

SETTINGS = ServeSettings(port=0)


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Put back what a server changes of its process."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    level = logging.getLogger("uvicorn.error").level
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    logging.getLogger("uvicorn.error").setLevel(level)


def run(service: Service, *, on_ready: object = None) -> None:
    """Serve until the end."""
    with bind(service.settings) as listener:
        Server(service, on_ready or end).run(listener)  # type: ignore[arg-type] # a function


def end() -> None:
    """Tell this process to end, as an orchestrator does."""
    os.kill(os.getpid(), signal.SIGTERM)


def test_it_serves_until_it_is_told_to_end() -> None:
    """The port answers, and once the models are ready it says so; at the end the engine is closed."""
    engine = FakeEngine()
    service = Service(engine, ["a.andon"], SETTINGS)
    found: list[int] = []
    with bind(SETTINGS) as listener:
        url = url_of(listener)

        def ask_and_end() -> None:
            try:
                found.append(httpx.get(f"{url}/ready", trust_env=False).status_code)
            finally:
                end()

        Server(service, ask_and_end).run(listener)
    assert found == [200]
    assert engine.closed_after == [CLOSING_S]


def test_a_model_that_does_not_load_ends_it() -> None:
    """With the reason; nothing was ready."""
    engine = FakeEngine()
    engine.error = BundleError("there is no such file", code="bundle.missing")
    with pytest.raises(BundleError):
        run(Service(engine, ["a.andon"], SETTINGS))
    assert engine.closed_after


def test_whoever_ends_it_while_it_loads_hears_of_no_failure() -> None:
    """That loading came to nothing is what they asked for."""
    engine = FakeEngine()
    engine.may_load.clear()
    engine.error = EngineError("closed", code="engine.closed")

    def end_while_it_loads() -> None:
        assert engine.loading.wait(TIMEOUT_S)
        end()

    thread = threading.Thread(target=end_while_it_loads)
    thread.start()
    run(Service(engine, ["a.andon"], SETTINGS))
    engine.may_load.set()
    thread.join()


def test_what_waits_to_be_accepted_at_the_end_is_answered() -> None:
    """As what was accepted is."""
    service = Service(FakeEngine(), ["a.andon"], SETTINGS)
    with bind(SETTINGS) as listener, socket.socket() as client:
        client.settimeout(TIMEOUT_S)

        def ask_and_end() -> None:
            # While the server has not begun, or is busy, the kernel accepts for it.
            server.take_signals()
            client.connect(listener.getsockname())
            client.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
            end()

        server = Server(service, lambda: None)
        ask_and_end()
        server.run(listener)
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer


def test_files_are_allowed_for_the_connections() -> None:
    """As far as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    run(Service(FakeEngine(), ["a.andon"], ServeSettings(port=0, max_connections=300)))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 500
