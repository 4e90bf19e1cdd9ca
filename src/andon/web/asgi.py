"""The service as an ASGI application: which address is answered by what."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.routing import Route, Router

from andon.errors import EngineError
from andon.service import Service
from andon.web.about import About
from andon.web.about_v2 import AboutV2
from andon.web.around import Around, Handler
from andon.web.description import Description
from andon.web.dialects.base import Dialect
from andon.web.dialects.classify import PREDICT, RUN
from andon.web.dialects.v2.infer import INFER
from andon.web.inference import answering, probing
from andon.web.metrics import Metrics
from andon.web.site import Pages, static

CLOSING_S = 1.0
"""Seconds for images in the engine once all requests are answered or given up, so that nobody waits for them."""

_V2_MODELS = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")


logger = logging.getLogger("andon")


def create_asgi(service: Service) -> Router:
    """
    Make the application of a service.

    Args:
        service: Its models may still be loading. Canaries are asked while the application runs, and
            its end closes the service.

    Returns:
        A plain router: each of its endpoints answers whatever happens, so nothing has to stand around them.
    """
    metrics = Metrics(service)
    settings = service.settings
    around = Around(
        metrics, token=settings.token, access_log=settings.access_log, max_held_bytes=settings.max_queue_bytes
    )
    return Router(
        routes=_routes(service, metrics, around),
        # Else `/predict/` would be answered with a redirect, and clients do not follow those with a body.
        redirect_slashes=False,
        default=around.elsewhere(_dialect_at),
        lifespan=lambda _app: _running(service),
    )


def _routes(service: Service, metrics: Metrics, around: Around) -> list[Route]:
    """Make all routes; they are tried one after the other, so images come first."""
    return [
        *_image_routes(service, metrics, around),
        *_about_routes(service, metrics, around),
        *_v2_about_routes(service, around),
    ]


def _image_routes(service: Service, metrics: Metrics, around: Around) -> list[Route]:
    run: dict[str, Handler] = {"POST": answering(service, metrics, RUN)}
    if service.settings.probe:
        run["GET"] = probing(service)
    predict = {"POST": answering(service, metrics, PREDICT)}
    infer = {"POST": answering(service, metrics, INFER)}
    return [
        around.route("/predict", predict, PREDICT),
        around.route("/run", run, RUN),
        *(around.route(f"{model}/infer", infer, INFER) for model in _V2_MODELS),
        around.route("/predict/{model}", predict, PREDICT),
        around.route("/predict/{model}/{version}", predict, PREDICT),
    ]


def _about_routes(service: Service, metrics: Metrics, around: Around) -> list[Route]:
    about = About(service, metrics)
    description = Description(service)
    return [
        around.route("/", {"GET": Pages(service.settings).index}, PREDICT, is_open=True),
        around.route("/static/{name}", {"GET": static}, PREDICT, is_open=True),
        around.route("/models", {"GET": about.models}, PREDICT),
        around.route("/live", {"GET": about.live}, PREDICT, is_open=True),
        around.route("/ready", {"GET": about.ready}, PREDICT, is_open=True),
        around.route("/metrics", {"GET": about.metrics}, PREDICT),
        around.route("/openapi.json", {"GET": description.openapi}, PREDICT, is_open=True),
        around.route("/docs", {"GET": description.docs}, PREDICT, is_open=True),
    ]


def _v2_about_routes(service: Service, around: Around) -> list[Route]:
    about = AboutV2(service)
    routes = [
        around.route("/v2", {"GET": about.server}, INFER),
        around.route("/v2/health/live", {"GET": about.live}, INFER, is_open=True),
        around.route("/v2/health/ready", {"GET": about.ready}, INFER, is_open=True),
        around.route("/v2/repository/index", {"POST": about.index}, INFER),
    ]
    for model in _V2_MODELS:
        routes += [
            around.route(model, {"GET": about.model}, INFER),
            around.route(f"{model}/ready", {"GET": about.model_ready}, INFER),
            around.route(f"{model}/config", {"GET": about.config}, INFER),
        ]
    return routes


def _dialect_at(path: str) -> Dialect:
    """Choose how errors are told where no route fits."""
    return INFER if path.startswith("/v2/") else PREDICT


@contextlib.asynccontextmanager
async def _running(service: Service) -> AsyncIterator[None]:
    canaries = asyncio.create_task(_keep_asking(service))
    try:
        yield
        # Not where a second Ctrl-C cuts it off: then nothing more is waited for.
        await asyncio.to_thread(service.close, CLOSING_S)
    finally:
        canaries.cancel()


async def _keep_asking(service: Service) -> None:
    """Ask each model its golden sample again and again: one that answers no longer is not ready."""
    while True:
        await asyncio.sleep(service.settings.canary_interval_s)
        try:
            service.ask_canaries()
        except EngineError:
            return  # it is closed
        except Exception:
            logger.exception("golden samples could not be asked; they will be again")
