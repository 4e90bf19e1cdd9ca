"""The process of `andon serve`: it serves while models load and prove themselves, and ends in an orderly way."""

import asyncio
import logging
import math
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import cast

import uvicorn

from andon.machine.memory import give_back, set_aside_what_is_loaded
from andon.service import Service
from andon.web.asgi import create_asgi
from andon.web.listening import stop_listening
from andon.web.protocol import BoundedProtocol

TIDYING_S = 2
"""Seconds between two times that memory is given back."""
_SPARE_FILES = 200
"""File descriptors beside those of connections."""


class Server:
    """
    Serves until it is told to end by SIGTERM or SIGINT, or until its models turn out not to load.

    Args:
        service: Is loaded here, in a thread, once the port answers.
        on_ready: Called in that thread once every model is ready.
    """

    def __init__(self, service: Service, on_ready: Callable[[], None]) -> None:
        self._service = service
        self._on_ready = on_ready
        self._failure: Exception | None = None
        self._tidied_after = 0
        settings = service.settings
        config = uvicorn.Config(
            create_asgi(service),
            http=cast("type[asyncio.Protocol]", partial(BoundedProtocol, settings)),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout_s),
            timeout_notify=TIDYING_S,
            callback_notify=self._tidy_up,
        )
        self._server = _Uvicorn(config, self._begin)

    def take_signals(self) -> None:
        """Let SIGTERM and SIGINT end `run` from now on, also where it has not begun."""
        # Uvicorn takes them while it serves, and raises them again when it has ended: then it is done.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)

    def run(self, listener: socket.socket) -> None:
        """
        Serve on a socket that listens.

        Raises:
            AndonError: A model does not load, or does not prove itself; what it is was not served.
        """
        _allow_files(self._service.settings.max_connections + _SPARE_FILES)
        # Uvicorn says this of each client that speaks no HTTP.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.take_signals()
        self._server.run(sockets=[listener])
        if self._failure is not None:
            raise self._failure

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._server.should_exit = True

    def _begin(self) -> None:
        """Load the models, now that requests are taken."""
        self._service.attach()
        threading.Thread(target=self._load, name="andon-load", daemon=True).start()

    def _load(self) -> None:
        try:
            self._service.load()
        except Exception as error:  # noqa: BLE001 -- raised again in the main thread
            # Whoever ends the server while it loads does not want to hear that loading came to nothing.
            if not self._server.should_exit:
                self._failure = error
                self._server.should_exit = True
        else:
            self._on_ready()
            set_aside_what_is_loaded()

    async def _tidy_up(self) -> None:
        """Give memory back, where there were requests since the last time."""
        answered = self._server.server_state.total_requests
        if answered != self._tidied_after:
            self._tidied_after = answered
            await asyncio.to_thread(give_back)


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, begin: Callable[[], None]) -> None:
        super().__init__(config)
        self._begin = begin

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests."""
        await super().startup(sockets)
        if self.started:
            self._begin()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and answer those too whose connections the kernel has accepted for us; it would reset them."""
        accepted = [connection for listener in sockets or [] for connection in stop_listening(listener)]
        for connection in accepted:
            await asyncio.get_running_loop().connect_accepted_socket(self._make_protocol, connection)
        await super().shutdown(sockets)

    def _make_protocol(self) -> asyncio.Protocol:
        make = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in an orderly way; at a second SIGINT at once."""
        super().handle_exit(sig, frame)
        if self.force_exit:
            # It cuts the application off, and would then call that an error of the application.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


def leave_if_computing() -> None:
    """
    End the process at once, with exit code 0, where a thread of ours still loads or computes.

    The interpreter cannot wait for such a thread, and must not go under it: native code that comes
    back to an interpreter that is gone aborts the process.
    """
    if any(thread.name.startswith("andon-") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files as far as it may be, so that connections do not use it up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
