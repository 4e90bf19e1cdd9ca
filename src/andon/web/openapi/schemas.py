"""The schemas of what is answered, made from the types that the answers are made of."""

import enum
import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

import msgspec
from msgspec import Struct

from andon.bundle.fields import BundleName
from andon.engine.base import Priority
from andon.errors import CODES
from andon.predictions import Box, Failure, Prediction, ScoreMap, Verdict
from andon.service import State
from andon.settings.meanings import meanings
from andon.web.messages import ModelFacts
from andon.web.openapi import examples
from andon.web.openapi.refusals import Json
from andon.web.problems import STATUS

_REF = "#/components/schemas/{name}"
MODEL_FACTS: Mapping[str, Json] = MappingProxyType(
    {
        "name": {**msgspec.json.schema(BundleName), "description": "The name in the manifest of the bundle."},
        "version": {
            "type": "string",
            "pattern": "^[0-9a-f]{12}$",
            "description": "The first 12 hex digits of the digest.",
        },
        "digest": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "SHA-256 of the manifest, which covers every file of the bundle.",
        },
    }
)
"""Which model answered: what the body and the headers of an answer say of it."""


def ref(name: str) -> Json:
    """Point to a schema of the document."""
    return {"$ref": _REF.format(name=name)}


def record(properties: Json, description: str = "", *, example: object = None) -> Json:
    """
    Describe an object of an answer, whose members are always there, and to which a later version may add.

    Args:
        properties: Schemas by name.
        description: Left out where it is empty.
        example: Left out where it is None.
    """
    described = {"description": description} if description else {}
    shown = {} if example is None else {"examples": [example]}
    return {"type": "object", **described, "required": list(properties), "properties": properties, **shown}


def or_null(kind: str) -> Json:
    """Describe a value that may be null."""
    return {"type": [kind, "null"]}


@functools.cache
def component_schemas() -> Json:
    """Give the schemas that operations point to, by name; made once, from the source of the types."""
    return {
        **_derived(),
        "Verdict": {
            "type": "string",
            "enum": [verdict.name for verdict in Verdict],
            "description": _listed(Verdict),
        },
        "Priority": {
            "type": "string",
            "enum": [priority.name for priority in Priority],
            "default": Priority.interactive.name,
            "description": Priority.__doc__,
        },
        "Model": _model(),
        "Answer": record(
            {
                "predictions": {"type": "array", "minItems": 1, "items": ref("Prediction")},
                "model": ref("Model"),
                "request_id": {"type": "string"},
            },
            "The predictions in the order of the images, and which model made them.",
            example=examples.ANSWER,
        ),
        "Problem": _problem(),
        "Models": _models(),
        "Ready": _ready(),
        "Live": record({"live": {"const": True}}, "The process answers."),
    }


def _derived() -> Json:
    """Give the schemas of the types that are sent as they are; a field with a default is sent too, and a map is not."""
    _, found = msgspec.json.schema_components(
        [Prediction, Failure], ref_template=_REF, schema_hook=lambda _: {"description": "Numbers of a map."}
    )
    del found[ScoreMap.__name__], found[Prediction.__name__]["properties"]["map"]
    for kind in (Prediction, Failure, Box):
        described = _described(kind)
        fields = found[kind.__name__]["properties"]
        properties = {name: {**_undefaulted(schema), "description": described[name]} for name, schema in fields.items()}
        found[kind.__name__] = record(properties, str(kind.__doc__))
    found["Prediction"]["examples"] = [examples.PREDICTION, examples.FAILED_PREDICTION]
    found["Failure"]["properties"]["code"]["enum"] = sorted(STATUS)
    return found


def _described(kind: type[Struct]) -> dict[str, str]:
    """Give the text of each field; none where the source of the package is not installed."""
    texts = meanings(kind)
    return {field.name: texts.get(field.name, "") for field in msgspec.structs.fields(kind)}


def _undefaulted(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "default"}


def _listed(kind: type[enum.Enum]) -> str:
    """Describe an enumeration, each of its members in a line."""
    texts = meanings(kind)
    lines = [f"- `{member.name}`: {texts.get(member.name, '')}" for member in kind]
    return "\n".join([str(kind.__doc__), "", *lines])


def _model() -> Json:
    return record(dict(MODEL_FACTS), str(ModelFacts.__doc__), example=examples.MODEL)


def _problem() -> Json:
    return record(
        {
            "type": {"type": "string", "description": "`urn:andon:error:` and the code."},
            "title": {"enum": sorted({CODES[code] for code in STATUS}), "description": "What the code means."},
            "status": {"enum": sorted(set(STATUS.values())), "description": "The status of the answer."},
            "detail": {"type": "string", "description": "What is wrong with this request."},
            "code": {"enum": sorted(STATUS), "description": "Stable across versions; programs decide by it."},
            "hint": {"type": "string", "description": "What to do about it; may be empty."},
            "request_id": {"type": "string", "description": "Stands in the log of the service too."},
        },
        "What went wrong, as RFC 9457 wants it.",
        example=examples.PROBLEM,
    )


def _state() -> Json:
    return {
        "state": {"enum": list(get_args(State))},
        "reason": {**or_null("string"), "description": "Why the model is not ready; null where it is."},
    }


def _models() -> Json:
    proof = record(
        {
            "holds": {"type": "boolean"},
            "samples": {"type": "integer", "minimum": 0},
            "worst_pixel_difference": {**or_null("number"), "description": "In grey levels; null where shapes differ."},
            "worst_output_difference": {
                **or_null("number"),
                "description": "Relative difference of raw outputs; null where the model failed.",
            },
            "tolerance": {"type": "number", "description": "What the difference of outputs may be at most."},
        },
        "What came of reproducing the golden samples of the bundle on this machine.",
    )
    passed_over = record(
        {
            "artifact": {"type": "string"},
            "runtime": {"type": "string"},
            "precision": {"type": "string"},
            "device": {"type": "string"},
            "code": {"type": "string", "description": "Of the error that says why."},
            "reason": {"type": "string"},
        },
        "An execution of the bundle that comes before the one in use, and why it is not in use.",
    )
    unloaded = "; null until the model is loaded."
    model = record(
        {
            "name": {"type": "string", "description": "Until the model is loaded, the name of its file."},
            **_state(),
            "version": {**or_null("string"), "description": f"The first digits of the digest{unloaded}"},
            "digest": {**or_null("string"), "description": f"SHA-256 of the manifest of the bundle{unloaded}"},
            "task": {**or_null("string"), "description": f"What the model does{unloaded}"},
            "orientation": {
                **or_null("string"),
                "description": "`stored`, or `exif` where the EXIF orientation of an image is applied; "
                f"boxes are in pixels of the image as it is oriented then{unloaded}",
            },
            "labels": {"type": "array", "items": {"type": "string"}, "description": "In the order of the scores."},
            "runtime": {**or_null("string"), "description": f"What runs the model{unloaded}"},
            "precision": or_null("string"),
            "device": {**or_null("string"), "description": f"The kind of device, `cpu` or `cuda`{unloaded}"},
            "devices": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Where a copy of the model computes: `cpu` alone, or cards, `cuda:0` and so on.",
            },
            "passed_over": {"type": "array", "items": passed_over},
            "proof": {"anyOf": [proof, {"type": "null"}]},
        }
    )
    return record(
        {
            "default": {"type": "string", "description": "The name of the model that `/predict` and `/run` ask."},
            "models": {"type": "array", "minItems": 1, "items": model},
        },
        "The models that are served, the default one first.",
        example=examples.MODELS,
    )


def _ready() -> Json:
    model = record({"name": {"type": "string"}, **_state()})
    return record(
        {"ready": {"type": "boolean"}, "models": {"type": "array", "minItems": 1, "items": model}},
        "Whether every model has reproduced its golden samples and has answered one of them recently.",
        example=examples.READY,
    )
