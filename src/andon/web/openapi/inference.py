"""The operations of the dialect `v2`, the Open Inference Protocol: the server, its models, and tensors for them."""

from collections.abc import Sequence

from andon.settings.serve import ServeSettings
from andon.web.dialects.v2.face import IMAGE
from andon.web.dialects.v2.framing import HEADER
from andon.web.messages import ModelFacts
from andon.web.openapi import examples
from andon.web.openapi.components import ANSWER_HEADERS, REQUEST_ID, TERMS
from andon.web.openapi.images import name_and_version
from andon.web.openapi.refusals import ID_HEADER, WITH_IMAGES, WITH_MODEL, WITH_MODEL_NAME, Json, refusals
from andon.web.openapi.schemas import ref
from andon.web.problems import JSON

TAG = "Open Inference Protocol"
_SERVER: Json = {"summary": "Describe the server", "description": "Its version and the extensions that it speaks."}
_LIVE: Json = {"summary": "Ask whether the server answers", "description": "As `GET /live`."}
_READY: Json = {"summary": "Ask whether every model is ready", "description": "As `GET /ready`."}
_MODEL: Json = {
    "summary": "Describe a model",
    "description": "Its input and its outputs, which are those of every model here; and its labels.",
}
_MODEL_READY: Json = {
    "summary": "Ask whether a model is ready",
    "description": "It is once it has reproduced its golden samples on this machine.",
}
_CONFIG: Json = {
    "summary": "Describe a model as Triton does",
    "description": "What load generators read before they begin.",
}
_INDEX: Json = {"summary": "List the models", "description": "All of them, or those that are ready."}
_ERROR: Json = {JSON: {"schema": ref("V2Error"), "example": examples.V2_ERROR}}
_INFERRING = ("request.body", "request.tensor", "request.parameter", *WITH_IMAGES, *WITH_MODEL, *WITH_MODEL_NAME)
_DESCRIBING = (*WITH_MODEL_NAME, "service.unready")


def inference_paths(settings: ServeSettings, models: Sequence[ModelFacts]) -> Json:
    """
    Describe the addresses below `/v2`.

    Args:
        settings: Their limits.
        models: What stands as examples in the addresses.
    """
    name, version = name_and_version(models)
    named = {
        f"/v2/models/{{model}}{path}": {"parameters": [name], **item} for path, item in _of_model(settings).items()
    }
    versioned = {
        f"/v2/models/{{model}}/versions/{{version}}{path}": {"parameters": [name, version], **item}
        for path, item in _of_model(settings, "OfVersion").items()
    }
    return {
        "/v2": {"get": _get(_SERVER, "v2Server", "V2Server")},
        "/v2/health/live": {"get": _get(_LIVE, "v2Live", "Live")},
        "/v2/health/ready": {"get": _ready(_READY, "v2Ready")},
        **named,
        **versioned,
        "/v2/repository/index": {"post": _index()},
    }


def _of_model(settings: ServeSettings, suffix: str = "") -> Json:
    """Describe the addresses of one model by what follows its own; the suffix keeps their ids apart."""
    return {
        "": {"get": _get(_MODEL, f"v2Model{suffix}", "V2Model", _DESCRIBING)},
        "/ready": {"get": _ready(_MODEL_READY, f"v2ModelReady{suffix}", WITH_MODEL_NAME)},
        "/config": {"get": _get(_CONFIG, f"v2Config{suffix}", "V2Config", _DESCRIBING)},
        "/infer": {"post": _infer(f"v2Infer{suffix}", settings)},
    }


def _get(words: Json, operation_id: str, schema: str, codes: Sequence[str] = ()) -> Json:
    """Describe an operation without a body; `words` are its summary and description."""
    return {
        "operationId": operation_id,
        "tags": [TAG],
        **words,
        "parameters": [REQUEST_ID],
        "responses": {"200": _answer(schema), **refusals(codes, _ERROR)},
    }


def _ready(words: Json, operation_id: str, codes: Sequence[str] = ()) -> Json:
    schema = "V2ModelReady" if codes else "V2Ready"
    described = _get(words, operation_id, schema, codes)
    unready = described["responses"]["503"]
    unready["description"] = f"It is not; or:\n\n{unready['description']}"
    # Who asks for readiness asks again anyway.
    unready["headers"] = ID_HEADER
    unready["content"] = {**unready["content"], JSON: {"schema": {"anyOf": [ref(schema), ref("V2Error")]}}}
    return described


def _answer(schema: str) -> Json:
    return {"description": "The answer.", "headers": ID_HEADER, "content": {JSON: {"schema": ref(schema)}}}


def _infer(operation_id: str, settings: ServeSettings) -> Json:
    answers = {
        JSON: {"schema": ref("V2Answer"), "example": examples.V2_ANSWER},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    }
    return {
        "operationId": operation_id,
        "tags": [TAG],
        "summary": "Classify images as tensors",
        "description": f"The input `{IMAGE}` takes at most {settings.max_images} images: files as BYTES, or pixels "
        f"before scaling as UINT8, of more than 8 bits as UINT16. With the binary extension its contents follow "
        f"the JSON, which `{HEADER}` ends; with "
        f"`{HEADER}: 0` the body is one image file, and all outputs are binary. One bad image fails them all.",
        **TERMS,
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": ref("V2Request"), "example": examples.V2_REQUEST}},
        },
        "responses": {
            "200": {"description": "The outputs.", "headers": ANSWER_HEADERS, "content": answers},
            **refusals(_INFERRING, _ERROR),
        },
    }


def _index() -> Json:
    asked = {
        "type": "object",
        "properties": {"ready": {"type": "boolean", "description": "Only those that are."}},
        "additionalProperties": False,
    }
    codes = ("request.body", "request.bytes", "request.header", "engine.deadline")
    return {
        **_get(_INDEX, "v2Index", "V2Index", codes),
        "requestBody": {"content": {JSON: {"schema": asked, "example": {"ready": True}}}},
    }
