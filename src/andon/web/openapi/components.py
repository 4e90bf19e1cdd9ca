"""The parts that operations share: headers, parameters and the token."""

from typing import Any

from andon.settings.serve import MAX_DEADLINE_MS, MIN_DEADLINE_MS, ServeSettings
from andon.web.openapi import examples
from andon.web.openapi.inference_schemas import inference_schemas
from andon.web.openapi.refusals import Json
from andon.web.openapi.schemas import MODEL_FACTS, component_schemas, ref
from andon.web.timing import STAGES

_STAGE = r"[a-z]+;dur=[0-9]+\.[0-9]{3}"


def components(settings: ServeSettings) -> Json:
    """Give everything that operations point to."""
    shared: Json = {
        "schemas": {**component_schemas(), **inference_schemas()},
        "headers": _headers(),
        "parameters": _parameters(settings.deadline_ms),
    }
    if settings.token is not None:
        shared["headers"]["WWW-Authenticate"] = _header(
            "How the token is sent.", {"type": "string"}, 'Bearer realm="andon"'
        )
        shared["securitySchemes"] = {"token": _token()}
    return shared


def _token() -> Json:
    return {"type": "http", "scheme": "bearer", "description": "The token that the service was started with."}


def _headers() -> Json:
    return {
        "X-Request-Id": _header(
            "The id of the request, as it was sent or made here; it stands in the log of the service.",
            {"type": "string", "pattern": "^[A-Za-z0-9._:/+=@-]{1,128}$"},
            examples.REQUEST_ID,
        ),
        **{
            f"X-Model-{name.capitalize()}": _header(schema["description"], _bare(schema), examples.MODEL[name])
            for name, schema in MODEL_FACTS.items()
        },
        "X-Device": {
            **_header(
                "Where the images were computed, `cpu` or cards; absent where none was.", {"type": "string"}, "cuda:0"
            ),
            "required": False,
        },
        "Server-Timing": _header(
            f"Milliseconds of each stage: {', '.join(STAGES)}. Together they are the time in the server.",
            {"type": "string", "pattern": f"^{_STAGE}(, {_STAGE})*$"},
            ", ".join(f"{stage};dur={examples.TIMINGS_MS.get(stage, 0.4):.3f}" for stage in STAGES),
        ),
        "Retry-After": _header("Seconds to wait before the next try.", {"type": "integer", "minimum": 0}, 1),
    }


def _header(description: str, schema: Json, example: Any) -> Json:
    return {"description": description, "required": True, "schema": schema, "example": example}


def _bare(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "description"}


def _parameters(deadline_ms: int) -> Json:
    return {
        "X-Request-Id": _of_head(
            "X-Request-Id",
            "An id of your own, which comes back in the answer. One that is empty, longer than 128 characters or holds "
            "anything but letters, digits and `._:/+=@-` is replaced.",
            {"type": "string"},
            "line-4/part-0017",
        ),
        "X-Priority": _of_head("X-Priority", "Who goes first where images wait.", ref("Priority"), "line"),
        "X-Deadline-Ms": _of_head(
            "X-Deadline-Ms",
            "Milliseconds after which an answer is of no use: what is not done by then is answered 504. "
            f"Without it they are {deadline_ms}.",
            {"type": "integer", "minimum": MIN_DEADLINE_MS, "maximum": MAX_DEADLINE_MS},
            2000,
        ),
    }


def _of_head(name: str, description: str, schema: Json, example: object) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema, "example": example}


REQUEST_ID: Json = {"$ref": "#/components/parameters/X-Request-Id"}
"""What every operation takes."""
TERMS: Json = {
    "parameters": [REQUEST_ID, {"$ref": "#/components/parameters/X-Priority"}],
    "x-andon-headers": [{"$ref": "#/components/parameters/X-Deadline-Ms"}],
}
"""
What every operation that takes images takes.

`X-Deadline-Ms` stands apart, where people and our own page find it: a tool that tries the least value
of each parameter would ask for answers in 10 ms, and be answered 504 rightly.
"""
ANSWER_HEADERS: Json = {
    name: {"$ref": f"#/components/headers/{name}"}
    for name in ("X-Request-Id", "X-Device", "Server-Timing", *(f"X-Model-{name.capitalize()}" for name in MODEL_FACTS))
}
"""What every answer with predictions brings."""
