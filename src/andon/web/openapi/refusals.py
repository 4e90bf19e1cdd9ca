"""
What an operation answers where it comes to nothing, made from the codes that it can meet.

The codes, their sentences and their statuses are those of `andon.errors` and `andon.web.problems`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

from andon.errors import CODES
from andon.web.answer import FURTHER_HEADERS
from andon.web.problems import PROBLEM_JSON, status_of

Json = dict[str, Any]
"""A part of the document, as plain data."""

ANYWHERE = ("request.http", "request.timeout", "request.head", "service.fault", "service.connections")
"""Codes that every address can answer, always as a problem: most are told before the address is known."""
WITH_TOKEN = ("request.token",)
WITH_MODEL = ("service.unready", "engine.closed")
WITH_MODEL_NAME = ("request.model", "request.path")
"""A name that holds a slash leads to no address at all."""
WITH_IMAGES = (
    "request.header",
    "request.media_type",
    "request.file",
    "request.images",
    "request.bytes",
    "image.format",
    "image.truncated",
    "image.depth",
    "image.shape",
    "image.bytes",
    "image.pixels",
    "image.tiles",
    "engine.full",
    "engine.deadline",
    "runtime.run",
    "runtime.output",
    "code.run",
)
"""Codes of an operation that takes images, beside those of its own form of body."""

REASONS: Mapping[int, str] = MappingProxyType(
    {
        400: "The request, or its only image, cannot be used",
        401: "The token is missing or wrong",
        404: "There is nothing of this name",
        408: "The request did not come in time",
        413: "It is too large, or too many",
        415: "The content type is not served",
        429: "As many images wait as are taken",
        431: "The head of the request is too large",
        500: "The service failed",
        503: "Not now; it is worth trying again",
        504: "The deadline passed",
    }
)
"""What the codes of one status have in common."""

ID_HEADER: Json = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}


def refusals(codes: Iterable[str], own_form: Json | None = None) -> Json:
    """
    Describe the answers of an operation that are no success.

    Args:
        codes: Those that it can meet beside `ANYWHERE`.
        own_form: Media types with which it tells them; None where it gives problems only. Problems
            are described in every case.

    Returns:
        Responses by status, in the order of the statuses.
    """
    met = sorted({*codes, *ANYWHERE}, key=lambda code: (status_of(code), list(CODES).index(code)))
    return {str(status): _refusal(status, list(of_it), own_form or {}) for status, of_it in groupby(met, status_of)}


def _refusal(status: int, codes: Sequence[str], own_form: Json) -> Json:
    sentences = [f"- `{code}`: {CODES[code]}" for code in codes]
    further = {name for code in codes for name in FURTHER_HEADERS.get(code, {})}
    exactly = {"properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
    return {
        "description": "\n".join([f"{REASONS[status]}.", "", *sentences]),
        "headers": {**ID_HEADER, **{name: {"$ref": f"#/components/headers/{name}"} for name in sorted(further)}},
        "content": {
            **own_form,
            PROBLEM_JSON: {"schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, exactly]}},
        },
    }
