"""The operations of the dialect `classify`: images in, predictions out, at `/predict` and at `/run`."""

from collections.abc import Sequence

from andon.settings.serve import ServeSettings
from andon.vision.formats import FORMAT_NAMES, MEDIA_TYPES
from andon.web.dialects.classify import FIELD
from andon.web.messages import ModelFacts
from andon.web.openapi import examples
from andon.web.openapi.components import ANSWER_HEADERS, REQUEST_ID, TERMS
from andon.web.openapi.refusals import ID_HEADER, WITH_IMAGES, WITH_MODEL, WITH_MODEL_NAME, Json, refusals
from andon.web.openapi.schemas import ref
from andon.web.problems import JSON

TAG = "Predictions"
PLAIN = "text/plain"
_CODES = ("request.body", "request.field", *WITH_IMAGES, *WITH_MODEL)
_ENCODED: Json = {"type": "string", "format": "binary"}
_IMAGE: Json = {
    **{
        media_type: {"schema": {**_ENCODED, "description": "One image; the format is read from its first bytes."}}
        for media_type in MEDIA_TYPES
    },
    "application/octet-stream": {"schema": {**_ENCODED, "description": f"As above: one {FORMAT_NAMES} image."}},
}
_TEXT_REFUSAL: Json = {
    PLAIN: {
        "schema": {"type": "string", "pattern": r"^error : .+ \[[a-z_.]+\]$"},
        "example": f"error : {examples.PROBLEM['detail']}; {examples.PROBLEM['hint']} [{examples.PROBLEM['code']}]",
    }
}


def image_paths(settings: ServeSettings, models: Sequence[ModelFacts]) -> Json:
    """
    Describe the addresses that take images.

    Args:
        settings: Their limits, and whether `GET /run` is there.
        models: Stand as examples in the addresses; of one without a version only the name.
    """
    name, version = name_and_version(models)
    return {
        "/predict": {"post": _predict("predict", "Classify images", settings, _CODES)},
        "/predict/{model}": {
            "parameters": [name],
            "post": _predict("predictWithModel", "Classify images with a model", settings, (*_CODES, *WITH_MODEL_NAME)),
        },
        "/predict/{model}/{version}": {
            "parameters": [name, version],
            "post": _predict(
                "predictWithVersion",
                "Classify images with one version of a model",
                settings,
                (*_CODES, *WITH_MODEL_NAME),
            ),
        },
        "/run": {"post": _run(settings), **({"get": _probe()} if settings.probe else {})},
    }


def name_and_version(models: Sequence[ModelFacts]) -> tuple[Json, Json]:
    """Describe the two parts of an address that choose a model."""
    names = [model.name for model in models] or [examples.MODEL["name"]]
    versions = [model.version for model in models if model.version] or [examples.MODEL["version"]]
    return (
        _of_path("model", "The name of a model, as `GET /models` lists it.", names),
        _of_path("version", "Its version, or its whole digest.", versions),
    )


def _of_path(name: str, description: str, values: Sequence[str]) -> Json:
    schema = {"type": "string", "minLength": 1, "examples": list(dict.fromkeys(values))}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _predict(operation_id: str, summary: str, settings: ServeSettings, codes: Sequence[str]) -> Json:
    return {
        "operationId": operation_id,
        "tags": [TAG],
        "summary": summary,
        "description": "Predictions come in the order of the images. One image that cannot be used is a problem; of "
        f"several, each that cannot be used has its own `error`, and the rest go on.\n\n{_limits(settings)}",
        **TERMS,
        "requestBody": {"required": True, "content": {**_IMAGE, **_form(settings), JSON: _json_body(settings)}},
        "responses": {"200": _answer({JSON: _predictions()}), **refusals(codes)},
    }


def _run(settings: ServeSettings) -> Json:
    said = {
        "schema": {"type": "string", "pattern": r"^(result|error) : .+(\n(result|error) : .+)*$"},
        "example": "result : scratch",
    }
    return {
        "operationId": "run",
        "tags": [TAG],
        "summary": "Classify an image, answered in one line of text",
        "description": "Asks the default model. The answer is `result : LABEL`, a line for each image, unless the "
        f"request prefers JSON by its header `Accept`.\n\n{_limits(settings)}",
        **TERMS,
        "requestBody": {"required": True, "content": {**_form(settings), **_IMAGE, JSON: _json_body(settings)}},
        "responses": {
            "200": _answer({PLAIN: said, JSON: _predictions()}),
            **refusals(_CODES, _TEXT_REFUSAL),
        },
    }


def _probe() -> Json:
    return {
        "operationId": "probe",
        "tags": [TAG],
        "summary": "Hold the worker for one second",
        "description": "To see whether requests run side by side. Only where the service was started with `--probe`.",
        "parameters": [REQUEST_ID],
        "responses": {
            "200": {
                "description": "The second is over.",
                "headers": ID_HEADER,
                "content": {PLAIN: {"schema": {"const": "0"}}},
            },
            **refusals(("engine.full", "engine.closed"), _TEXT_REFUSAL),
        },
    }


def _limits(settings: ServeSettings) -> str:
    each = f"{_size(settings.max_image_bytes)} and {settings.max_image_pixels:,} pixels"
    return f"At most {settings.max_images} images of {each} each, and {_size(settings.max_body_bytes)} in all."


def _size(size_bytes: int) -> str:
    whole, rest = divmod(size_bytes, 1024 * 1024)
    return f"{size_bytes:,} bytes" if rest else f"{whole:,} MiB"


def _form(settings: ServeSettings) -> Json:
    images = {
        "type": "array",
        "minItems": 1,
        "items": _ENCODED,
        "description": f"1 to {settings.max_images} images: {FORMAT_NAMES}.",
    }
    form = {"type": "object", "required": [FIELD], "properties": {FIELD: images}, "additionalProperties": False}
    return {"multipart/form-data": {"schema": form, "encoding": {FIELD: {"contentType": ", ".join(MEDIA_TYPES)}}}}


def _json_body(settings: ServeSettings) -> Json:
    encoded = {
        "type": "string",
        "contentEncoding": "base64",
        "description": "The base64 of an image file, without line breaks; or a `data:` URL that holds it.",
    }
    one = {"type": "object", "required": ["image"], "properties": {"image": encoded}, "additionalProperties": False}
    images = {"type": "array", "minItems": 1, "items": encoded, "description": f"1 to {settings.max_images} images."}
    many = {"type": "object", "required": ["images"], "properties": {"images": images}, "additionalProperties": False}
    return {
        "schema": {"oneOf": [one, many]},
        "examples": {
            "one": {"summary": "One image", "value": {"image": examples.IMAGE_BASE64}},
            "several": {"summary": "Several images", "value": {"images": [examples.IMAGE_BASE64] * 2}},
        },
    }


def _predictions() -> Json:
    return {
        "schema": ref("Answer"),
        "examples": {
            "one": {"summary": "One image", "value": examples.ANSWER},
            "several": {"summary": "Two images, one of which is none", "value": examples.ANSWER_OF_TWO},
        },
    }


def _answer(content: Json) -> Json:
    return {"description": "The predictions.", "headers": ANSWER_HEADERS, "content": content}
