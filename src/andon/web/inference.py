"""Images in, predictions out, over ASGI: from the head of a request to its answer."""

import asyncio
import time

import msgspec
from starlette.requests import Request as HttpRequest

from andon.engine.base import LoadedModel
from andon.engine.policy import too_late
from andon.service import Service
from andon.web.answer import compose
from andon.web.around import Handler
from andon.web.body import answers_or_gone, read_body
from andon.web.dialects.base import Dialect
from andon.web.dialects.classify import PROBE_S
from andon.web.messages import ModelFacts, Request, Response
from andon.web.metrics import Metrics
from andon.web.problems import TEXT
from andon.web.terms import terms_of, with_call

_LARGE_BYTES = 1024 * 1024
"""A body from which on it is taken apart in a thread, so that others are not kept waiting."""


def answering(service: Service, metrics: Metrics, dialect: Dialect) -> Handler:
    """
    Make the handler of a dialect.

    Args:
        service: The path of the request may name one of its models, `model`, and its `version`.
        metrics: Where predictions are counted.
        dialect: How clients speak.
    """
    settings = service.settings

    async def answer(http: HttpRequest, request: Request) -> Response:
        model = service.find(http.path_params.get("model"), http.path_params.get("version"))
        terms = terms_of(request, default_ms=settings.deadline_ms)
        service.require_room(model)
        body = await read_body(http, settings, terms.deadline)
        whole = msgspec.structs.replace(request, body=body)
        if len(body) > _LARGE_BYTES:
            call = await asyncio.to_thread(dialect.decode, whole, settings)
        else:
            call = dialect.decode(whole, settings)
        read_at = time.perf_counter()
        futures = service.submit(model, call.images, with_call(terms, call, request))
        predictions = await answers_or_gone(futures, http)
        facts = facts_of(model)
        metrics.count_predictions(predictions, facts)
        return compose(dialect, predictions, call, facts, whole, read_at=read_at)

    return answer


def probing(service: Service) -> Handler:
    """Make the handler of the seed's concurrency probe."""

    async def probe(http: HttpRequest, request: Request) -> Response:
        terms = terms_of(request, default_ms=service.settings.deadline_ms)
        try:
            async with asyncio.timeout(terms.deadline - time.monotonic()):
                await answers_or_gone([service.hold(PROBE_S)], http)
        except TimeoutError:
            raise too_late() from None
        return Response(status=200, content_type=TEXT, body=b"0")

    return probe


def facts_of(model: LoadedModel) -> ModelFacts:
    """Say which model answered."""
    return ModelFacts(name=model.name, version=model.version, digest=model.digest, labels=model.manifest.output.labels)
