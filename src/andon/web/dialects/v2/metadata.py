"""
What a service says of itself and of its models in this protocol: documents, as plain data.

Which status they are sent with is the routes' business.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from andon import __version__
from andon.web.dialects.bodies import read_json
from andon.web.dialects.v2.face import DATATYPES, IMAGE, IMAGE_DATATYPE, OUTPUTS, USUAL_OUTPUTS, Output
from andon.web.messages import Request

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "schedule_policy")
"""Those that are served as they are described. The repository has an index, but is not changed from here; and a
parameter that is not known is refused."""
STATES: Mapping[str, str] = {"loading": "LOADING", "ready": "READY", "failed": "UNAVAILABLE"}


class ServedModel(Struct, frozen=True, kw_only=True):
    """One of the models that are served, and how it is."""

    name: str
    state: Literal["loading", "ready", "failed"]
    reason: str = ""
    """Why it is not ready, in a sentence that may be shown to a client."""
    version: str = ""
    """Empty, as the following, until it is loaded."""
    digest: str = ""
    labels: tuple[str, ...] = ()
    runtime: str = ""
    """What runs it, such as `onnxruntime`."""
    format: str = ""
    """The format of the artifact that is run, such as `onnx`."""
    has_places: bool = False
    """Whether it tells where in an image things are."""


def server_metadata() -> dict[str, Any]:
    """Describe the server: `GET /v2`."""
    return {"name": "andon", "version": __version__, "extensions": EXTENSIONS}


def server_live() -> dict[str, Any]:
    """Say that the server answers: `GET /v2/health/live`."""
    return {"live": True}


def server_ready(*, is_ready: bool) -> dict[str, Any]:
    """Say whether all models can be asked: `GET /v2/health/ready`."""
    return {"ready": is_ready}


def model_ready(model: ServedModel) -> dict[str, Any]:
    """Say whether a model can be asked: `GET /v2/models/MODEL/ready`."""
    return {"name": model.name, "ready": model.state == "ready"}


def model_metadata(model: ServedModel, versions: Sequence[str]) -> dict[str, Any]:
    """
    Describe a model: `GET /v2/models/MODEL`.

    Args:
        model: Loaded.
        versions: All that are served under its name.
    """
    return {
        "name": model.name,
        "versions": list(versions),
        "platform": _platform(model),
        "inputs": [{"name": IMAGE, "datatype": IMAGE_DATATYPE, "shape": [-1]}],
        "outputs": [
            {"name": name, "datatype": DATATYPES[name], "shape": [-1, *_sides(name, model)]} for name in _outputs(model)
        ],
        "properties": {"digest": model.digest, "labels": msgspec.json.encode(model.labels).decode()},
    }


def model_config(model: ServedModel, *, max_images: int) -> dict[str, Any]:
    """
    Describe a model as Triton's configuration does, which load generators read: `GET /v2/models/MODEL/config`.

    Args:
        model: Loaded.
        max_images: In one request; the sides of tensors are given without that of the batch.

    Source:
        https://github.com/triton-inference-server/common, protobuf/model_config.proto
    """
    return {
        "name": model.name,
        "platform": _platform(model),
        "backend": model.runtime,
        "max_batch_size": max_images,
        "input": [{"name": IMAGE, "data_type": _config_type(IMAGE_DATATYPE), "dims": []}],
        "output": [
            {"name": name, "data_type": _config_type(DATATYPES[name]), "dims": _sides(name, model)}
            for name in _outputs(model)
        ],
    }


def repository_index(models: Sequence[ServedModel], *, only_ready: bool) -> list[dict[str, Any]]:
    """List the models: `POST /v2/repository/index`."""
    return [
        {
            "name": model.name,
            **({"version": model.version} if model.version else {}),
            "state": STATES[model.state],
            "reason": model.reason,
        }
        for model in models
        if model.state == "ready" or not only_ready
    ]


class _IndexRequest(Struct, forbid_unknown_fields=True):
    ready: bool = False


def asks_only_for_ready(request: Request) -> bool:
    """
    Read the body of `POST /v2/repository/index`, which may be empty.

    Raises:
        RequestError: `request.body`.
    """
    if not request.body:
        return False
    asked: _IndexRequest = read_json(request.body, _IndexRequest, "the body", hint='send {"ready": true}, or nothing')
    return asked.ready


def _outputs(model: ServedModel) -> Sequence[Output]:
    return OUTPUTS if model.has_places else USUAL_OUTPUTS


def _platform(model: ServedModel) -> str:
    return f"{model.runtime}_{model.format}"


def _sides(output: str, model: ServedModel) -> list[int]:
    """Give the sides of an output of one image."""
    return [len(model.labels)] if output == "scores" else []


def _config_type(datatype: str) -> str:
    return "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"
