"""What a service says of itself and of its models in the Open Inference Protocol."""

import msgspec
from starlette.requests import Request as HttpRequest

from andon.service import ModelStatus, Service
from andon.web.about import json_response
from andon.web.body import read_body
from andon.web.dialects.v2.metadata import (
    ServedModel,
    asks_only_for_ready,
    model_config,
    model_metadata,
    model_ready,
    repository_index,
    server_live,
    server_metadata,
    server_ready,
)
from andon.web.messages import Request, Response
from andon.web.terms import terms_of


class AboutV2:
    """
    Handlers that need no image; where a path names a model, it may name its version too.

    Args:
        service: Is asked at each request.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def server(self, _http: HttpRequest, _request: Request) -> Response:
        """Describe the server."""
        return json_response(server_metadata())

    async def live(self, _http: HttpRequest, _request: Request) -> Response:
        """Say that the process answers."""
        return json_response(server_live())

    async def ready(self, _http: HttpRequest, _request: Request) -> Response:
        """Say whether all models can be asked; 503 where not."""
        is_ready = self._service.is_ready()
        return json_response(server_ready(is_ready=is_ready), status=200 if is_ready else 503)

    async def model(self, http: HttpRequest, _request: Request) -> Response:
        """Describe a model."""
        found = self._find(http)
        versions = [
            status.loaded.version
            for status in self._service.models()
            if status.loaded is not None and status.name == found.name
        ]
        return json_response(model_metadata(found, versions))

    async def model_ready(self, http: HttpRequest, _request: Request) -> Response:
        """Say whether a model can be asked; 503 where not."""
        found = self._find(http)
        return json_response(model_ready(found), status=200 if found.state == "ready" else 503)

    async def config(self, http: HttpRequest, _request: Request) -> Response:
        """Describe a model as Triton's configuration does."""
        return json_response(model_config(self._find(http), max_images=self._service.settings.max_images))

    async def index(self, http: HttpRequest, request: Request) -> Response:
        """List the models."""
        settings = self._service.settings
        body = await read_body(http, settings, terms_of(request, default_ms=settings.deadline_ms).deadline)
        only_ready = asks_only_for_ready(msgspec.structs.replace(request, body=body))
        models = [_served(status) for status in self._service.models()]
        return json_response(repository_index(models, only_ready=only_ready))

    def _find(self, http: HttpRequest) -> ServedModel:
        loaded = self._service.find(http.path_params["model"], http.path_params.get("version"))
        statuses = self._service.models()
        return next(_served(status) for status in statuses if status.loaded is loaded)


def _served(status: ModelStatus) -> ServedModel:
    reason = status.reason or ""
    if status.loaded is None:
        return ServedModel(name=status.name, state=status.state, reason=reason)
    manifest, execution = status.loaded.manifest, status.loaded.execution
    return ServedModel(
        name=status.name,
        state=status.state,
        reason=reason,
        version=status.loaded.version,
        digest=status.loaded.digest,
        labels=manifest.output.labels,
        runtime=execution.runtime,
        format=manifest.artifact(execution.artifact).format,
        has_places=manifest.has_places,
    )
