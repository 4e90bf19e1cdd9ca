"""The application of `andon serve` in this process: asked directly, or over a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount, Router
from starlette.types import Receive, Scope, Send

from andon.engine.base import Engine
from andon.engine.local import LocalEngine
from andon.service import Service
from andon.settings.serve import ServeSettings
from andon.web.asgi import create_asgi
from tests.support.asgi import AsgiClient, running
from tests.support.in_thread import InThread


def application(
    *bundles: Path | str | None, engine: Engine | None = None, loads: bool = True, **settings: Any
) -> Router:
    """
    Make the application; its lifespan ends its service.

    Args:
        bundles: What is served, the first one by default; None is the model `null`, and so is nothing.
        engine: Two threads of this process where it is None.
        loads: Whether its models are loaded.
        settings: What differs from the defaults.
    """
    chosen = ServeSettings(**{"threads": 2, **settings})
    paths = [None if bundle is None else str(bundle) for bundle in bundles] or [None]
    service = Service(engine or LocalEngine(chosen), paths, chosen)
    if loads:
        service.load()
    return create_asgi(service)


@contextmanager
def asked(*bundles: Path | str | None, **how: Any) -> Iterator[AsgiClient]:
    """Run an application made of these arguments, and give a client of it."""
    with running(application(*bundles, **how)) as client:
        yield client


class Served(InThread):
    """
    One service on a real socket, below a prefix where one is wanted.

    Args:
        bundles: As of `application`.
        prefix: Where it is mounted, as behind a proxy; empty or `/words`.
        settings: What differs from the defaults.
    """

    def __init__(self, *bundles: Path | str | None, prefix: str = "", **settings: Any) -> None:
        self._prefix = prefix
        self.heads: list[dict[str, str]] = []
        """The headers of every POST that came."""
        self._app = application(*bundles, **settings)
        routes = [Mount(prefix, app=self._note)]
        super().__init__(Starlette(routes=routes, lifespan=self._app.lifespan_context))

    async def _note(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            self.heads.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await self._app(scope, receive, send)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"{super().url}{self._prefix}"

    @property
    def page(self) -> str:
        """The address of its page."""
        return f"{self.url}/"
