"""ASGI applications without a server: they are asked in this process, in an event loop of their own."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial, partialmethod
from typing import Any, TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.support.waiting import TIMEOUT_S

_Result = TypeVar("_Result")
_BASE = "http://127.0.0.1"


class AsgiClient:
    """
    Asks an application; may be used from several threads.

    Args:
        app: Any application of ASGI.
        portal: To the event loop on which it runs.
    """

    def __init__(self, app: Any, portal: BlockingPortal) -> None:
        self.app = app
        self._portal = portal

    def run(self, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Run a coroutine in the loop of the application, and give what it gives."""
        return self._portal.start_task_soon(work).result(TIMEOUT_S)

    def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send one request, with arguments as httpx takes them; an error of the application is a 500."""
        return self.run(partial(self._request, method, path, request))

    get = partialmethod(request, "GET")
    head = partialmethod(request, "HEAD")
    post = partialmethod(request, "POST")

    async def _request(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=_BASE) as client:
            return await client.request(method, path, **request)


@contextmanager
def asking(app: Any) -> Iterator[AsgiClient]:
    """Ask an application that has no lifespan, or whose lifespan is not to run."""
    with start_blocking_portal() as portal:
        yield AsgiClient(app, portal)


@contextmanager
def running(app: Any) -> Iterator[AsgiClient]:
    """Run the lifespan of an application of Starlette or FastAPI, or of a router alone, and ask it."""
    lifespan = getattr(app, "router", app).lifespan_context(app)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(lifespan):
        yield AsgiClient(app, portal)
