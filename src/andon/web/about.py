"""What a service says of itself: its models, whether it lives and is ready, and its numbers."""

from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest

from andon.engine.base import LoadedModel
from andon.model.choose import PassedOver
from andon.service import ModelStatus, Service
from andon.web.messages import Request, Response
from andon.web.metrics import CONTENT_TYPE, Metrics
from andon.web.problems import JSON


class About:
    """
    Handlers that need no image.

    Args:
        service: Is asked at each request.
        metrics: Of the same service.
    """

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics

    async def models(self, _http: HttpRequest, _request: Request) -> Response:
        """Describe the models, the default one first."""
        statuses = self._service.models()
        return json_response({"default": statuses[0].name, "models": [describe(status) for status in statuses]})

    async def live(self, _http: HttpRequest, _request: Request) -> Response:
        """Say that the process answers."""
        return json_response({"live": True})

    async def ready(self, _http: HttpRequest, _request: Request) -> Response:
        """Say whether every model has held its proof and answered a canary recently; 503 where not."""
        statuses = self._service.models()
        models = [{"name": status.name, "state": status.state, "reason": status.reason} for status in statuses]
        is_ready = all(status.state == "ready" for status in statuses)
        return json_response({"ready": is_ready, "models": models}, status=200 if is_ready else 503)

    async def metrics(self, _http: HttpRequest, _request: Request) -> Response:
        """Give the numbers in Prometheus' text format."""
        return Response(status=200, content_type=CONTENT_TYPE, body=self._metrics.exposition())


def describe(status: ModelStatus) -> dict[str, Any]:
    """Describe one model; of one that is not loaded, most is null."""
    described = {"name": status.name, "state": status.state, "reason": status.reason}
    if status.loaded is None:
        unknown = dict.fromkeys(("version", "digest", "task", "orientation", "runtime", "precision", "device", "proof"))
        return {**described, **unknown, "devices": [], "labels": [], "passed_over": []}
    loaded = status.loaded
    return {
        **described,
        "version": loaded.version,
        "digest": loaded.digest,
        "task": loaded.manifest.task,
        "orientation": loaded.manifest.input.orientation,
        "labels": loaded.manifest.output.labels,
        "runtime": loaded.execution.runtime,
        "precision": loaded.execution.precision,
        "device": loaded.execution.device,
        "devices": loaded.devices,
        "passed_over": [_describe_passed_over(each) for each in loaded.passed_over],
        "proof": _describe_proof(loaded),
    }


def _describe_passed_over(passed_over: PassedOver) -> dict[str, Any]:
    execution = passed_over.execution
    return {
        "artifact": execution.artifact,
        "runtime": execution.runtime,
        "precision": execution.precision,
        "device": execution.device,
        "code": passed_over.code,
        "reason": passed_over.reason,
    }


def _describe_proof(loaded: LoadedModel) -> dict[str, Any] | None:
    if loaded.proof is None:
        return None
    return {
        "holds": loaded.proof.holds,
        "samples": loaded.proof.samples,
        "worst_pixel_difference": loaded.proof.worst_pixel_difference,
        "worst_output_difference": loaded.proof.worst_output_difference,
        "tolerance": loaded.execution.tolerance.relative,
    }


def json_response(document: object, *, status: int = 200) -> Response:
    """Make an answer of plain data."""
    return Response(status=status, content_type=JSON, body=msgspec.json.encode(document))
