"""The HTTP status of each error, and the body that tells a client about it. Nothing else knows both."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from andon.errors import CODES, AndonError
from andon.predictions import Failure
from andon.web.messages import Request, Response

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "image.format": 400,
        "image.truncated": 400,
        "image.bytes": 413,
        "image.pixels": 413,
        "image.tiles": 413,
        "image.depth": 400,
        "image.shape": 400,
        "image.missing": 400,
        "request.body": 400,
        "request.file": 400,
        "request.field": 400,
        "request.media_type": 415,
        "request.bytes": 413,
        "request.images": 413,
        "request.path": 404,
        "request.method": 405,
        "request.model": 404,
        "request.http": 400,
        "request.head": 431,
        "request.header": 400,
        "request.token": 401,
        "request.timeout": 408,
        "request.tensor": 400,
        "request.parameter": 400,
        "engine.full": 429,
        "engine.deadline": 504,
        "engine.closed": 503,
        "engine.quarantine": 500,
        "engine.worker": 503,
        "runtime.run": 500,
        "runtime.output": 500,
        "code.run": 500,
        "service.fault": 500,
        "service.unready": 503,
        "service.connections": 503,
        "upstream.unreachable": 502,
        "upstream.timeout": 504,
    }
)
"""The status of every code that can reach a client; any other is a fault of the service, 500."""


def status_of(code: str) -> int:
    """Give the HTTP status of an error code; 500 for one that clients should never meet."""
    return STATUS.get(code, 500)


def failure_of(error: AndonError) -> Failure:
    """Keep of an error what may be shown to a client: where it happened may be a path, and stays here."""
    return Failure(code=error.code, message=error.message, hint=error.hint)


def public_failure(failure: Failure, request: Request) -> Failure:
    """Give a failure as a client may see it: of a fault of the service only what its code means."""
    if status_of(failure.code) != 500:
        return failure
    code = failure.code if failure.code in STATUS else "service.fault"
    sentence = CODES[code].removesuffix(".")
    return Failure(
        code=code,
        message=sentence[0].lower() + sentence[1:],
        hint=f"the log of the service has the reason under the request id {request.request_id}",
    )


def problem(failure: Failure, request: Request) -> Response:
    """Tell a client what went wrong, as a problem of RFC 9457; of a fault of the service, only the code is told."""
    failure = public_failure(failure, request)
    status = status_of(failure.code)
    return Response(status=status, content_type=PROBLEM_JSON, body=problem_json(failure, status, request.request_id))


def error_line(failure: Failure) -> str:
    """Give the one line of text for a failure; the seed's answers begin with `result : `."""
    return one_line(f"error : {sentence_of(failure)}")


def sentence_of(failure: Failure) -> str:
    """Give a failure as a sentence, with what to do and, in brackets, the code."""
    sentence = f"{failure.message}; {failure.hint}" if failure.hint else failure.message
    return f"{sentence} [{failure.code}]"


def one_line(text: str) -> str:
    """Join the lines of a text, so that it cannot be taken for more than one answer."""
    return " ".join(text.splitlines())


def problem_json(failure: Failure, status: int, request_id: str) -> bytes:
    """
    Write a problem of RFC 9457, with our members.

    Args:
        failure: As the client may see it.
        status: That of the answer.
        request_id: Under which the logs know the request.
    """
    members = {
        "type": f"urn:andon:error:{failure.code}",
        "title": CODES[failure.code],
        "status": status,
        "detail": failure.message,
        "code": failure.code,
        "hint": failure.hint,
        "request_id": request_id,
    }
    return msgspec.json.encode(members)
