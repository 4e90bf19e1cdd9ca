"""The service as a router, for FastAPI applications that exist already."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from andon.engine.local import LocalEngine
from andon.errors import AndonError, missing_extra
from andon.integrations.operations import operations
from andon.integrations.own_device import devices_asked, is_one_of_several, own_choice
from andon.service import Service
from andon.settings.serve import ServeSettings
from andon.web.around import Endpoint
from andon.web.asgi import create_asgi
from andon.web.dialects.classify import PREDICT
from andon.web.intake import Intake
from andon.web.messages import Request, Response

if TYPE_CHECKING:
    import fastapi

logger = logging.getLogger("andon")


def router(
    bundle: str | os.PathLike[str] | None,
    *more: str | os.PathLike[str] | None,
    settings: ServeSettings | None = None,
) -> "fastapi.APIRouter":
    """
    Make a router: `app.include_router(router("scratch.andon"), prefix="/inspection")`.

    Its routes are those of `andon serve` for images and about models: `POST /run`,
    `POST /predict[/MODEL[/VERSION]]`, `GET /models`, `GET /live` and `GET /ready`, with its queue and
    its deadlines. They stand in the application's description. What goes wrong with them is
    answered here, and never reaches the exception handlers of the application; methods that they do
    not take are left to those. `include_router` may add dependencies, as to any router.

    The bundles are loaded and proven while the application starts, in each of its processes; with
    a bundle that does not load it does not start. When it ends, what was accepted is finished.

    Args:
        bundle: The default model; None for the model `null`, before there is a real one.
        more: Further models.
        settings: With several processes, `threads` is best 1. Settings of the server (`host`,
            `port`, connections, heads of requests) have no effect here. Without settings the devices are
            those of `ANDON_DEVICES`; where gunicorn or uvicorn start several processes, each takes one card.

    Raises:
        EnvironmentFault: `environment.extra`: FastAPI is not installed.
        UsageError: `usage.setting`: `ANDON_DEVICES` names no devices.
    """
    if find_spec("fastapi") is None:
        raise missing_extra("fastapi", "fastapi", "serving with FastAPI")
    import fastapi

    settings = settings or ServeSettings(devices=devices_asked())
    embedded = _Embedded([_absolute(path) for path in (bundle, *more)], settings)
    routes = fastapi.APIRouter(lifespan=embedded.running)
    for operation in operations(settings):
        routes.add_api_route(
            operation.path,
            embedded.view(operation.path),
            methods=[operation.method],
            name=operation.description["operationId"],
            response_class=fastapi.Response,
            openapi_extra=operation.description,
        )
    return routes


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    # Servers may change the folder later.
    return None if path is None else os.path.abspath(path)  # noqa: PTH100 -- also for a path of str


class _Embedded:
    """The service of a router; it is there while the application around it runs."""

    def __init__(self, paths: list[str | None], settings: ServeSettings) -> None:
        self._paths = paths
        self._settings = settings
        self._endpoints: Mapping[str, Endpoint] = {}

    @asynccontextmanager
    async def running(self, _app: object) -> AsyncIterator[None]:
        """Load and prove, then answer as long as this is entered."""
        with _reason_told():
            service = self._service()
        app = create_asgi(service)
        async with app.lifespan_context(app):
            with _reason_told():
                await asyncio.to_thread(service.load)
            routes = [route for route in app.routes if isinstance(route, Route)]
            self._endpoints = {route.path: route.endpoint for route in routes if isinstance(route.endpoint, Endpoint)}
            try:
                yield
            finally:
                self._endpoints = {}

    def _service(self) -> Service:
        choice = own_choice(self._settings.devices) if is_one_of_several() else None
        return Service(LocalEngine(self._settings, choice=choice), self._paths, self._settings)

    def view(self, path: str) -> "Callable[[fastapi.Request], Awaitable[fastapi.Response]]":
        """Make the function that FastAPI calls for an address, whatever the method."""
        import fastapi

        async def view(request: fastapi.Request) -> fastapi.Response:
            return await self._endpoints.get(path, _NOT_RUNNING).respond(request)

        return view


@contextmanager
def _reason_told() -> Iterator[None]:
    """Log why the application does not start: the server only prints a long traceback that ends with it."""
    try:
        yield
    except AndonError as error:
        logger.error("the application does not start: %s", error)  # noqa: TRY400 -- the reason says it all
        raise


async def _refuse(_http: HttpRequest, request: Request) -> Response:
    logger.error(
        "request %s: no model: include Andon's router in the application that the server runs, and not in one that "
        "is mounted; only that one's lifespan is run",
        request.request_id,
    )
    raise AndonError("the model is not loaded", code="service.unready")


_NOT_RUNNING = Endpoint(_refuse, PREDICT, Intake(0), lambda *_: None)
