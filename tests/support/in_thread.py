"""An ASGI application on a real socket, served from a thread of this process with the protocol of `andon serve`."""

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Self, cast

import uvicorn
from starlette.types import ASGIApp

from andon.settings.serve import ServeSettings
from andon.web.protocol import BoundedProtocol
from tests.support.waiting import wait_until
from tests.support.wire import HOST


class InThread:
    """
    One server on a free port of 127.0.0.1; as a context manager it is ended in every case.

    Args:
        app: Its lifespan is run.
        settings: The bounds of its connections.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings | None = None) -> None:
        self._socket = socket.create_server((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        protocol = partial(BoundedProtocol, settings or ServeSettings())
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=cast("type[asyncio.Protocol]", protocol),
                ws="none",
                log_level="critical",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    @property
    def connection(self) -> BoundedProtocol:
        """The connection that is open."""
        (found,) = self._server.server_state.connections
        return cast("BoundedProtocol", found)

    def in_its_loop(self, work: Callable[[], object]) -> None:
        """Have something done in one turn of its event loop; a connection must be open."""
        loop = next(iter(self._server.server_state.connections)).loop
        loop.call_soon_threadsafe(work)

    def end_connections(self) -> None:
        """Have all connections end, as a server does that is told to; in its event loop."""
        for connection in list(self._server.server_state.connections):
            connection.shutdown()

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, "the server starts")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; a second call does nothing."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
