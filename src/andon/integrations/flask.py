"""
The service as a blueprint, for Flask applications that exist already.

It reads the body itself: Flask would write files over 500 KB to disk, and its limits are those of
the application around.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

from andon.errors import RequestError, missing_extra
from andon.integrations.per_process import load_per_process
from andon.model.model import Model
from andon.web.answer import answer_run
from andon.web.messages import Request, Response, choose_request_id

if TYPE_CHECKING:
    import flask

MAX_DRAINED_BYTES = 256 * 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that its client hears the answer."""
_PIECE_BYTES = 1024 * 1024
PROBE_S = 1.0
"""Seconds for which the probe holds a worker."""


def blueprint(model: Model | Callable[[], Model] | str | os.PathLike[str], *, probe: bool = False) -> "flask.Blueprint":
    """
    Make a blueprint with the routes of the service.

    `GET /` answers `classifier api`. `POST /run` takes the field `file` of a form, or an image
    itself, and answers `result : LABEL`, or JSON where `Accept` prefers it. Errors are answered
    here, and never reach the error handlers of the application.

    Args:
        model: A path: each process loads and proves it with one compute thread, as servers with
            several processes need it. Or a loaded model, or a function that gives one for each
            request. The model's `limits` bound what is read.
        probe: Add `GET /run`, which holds a worker for one second and answers `0`, to see
            whether requests run side by side.

    Raises:
        AndonError: As `load_per_process`, for a path.
        EnvironmentFault: `environment.extra`: Flask is not installed.
    """
    require_flask()
    import flask

    get_model = _model_getter(model)
    routes = flask.Blueprint("andon", __name__)

    @routes.get("/")
    def index() -> flask.Response:
        return flask.Response("classifier api", mimetype="text/plain")

    @routes.post("/run")
    def run() -> flask.Response:
        read = partial(read_body, flask.request.environ)
        return flask_response(answer_run(request_head(), read, get_model))

    if probe:

        @routes.get("/run")
        def hold() -> flask.Response:
            time.sleep(PROBE_S)
            return flask.Response("0", mimetype="text/plain")

    return routes


def require_flask() -> None:
    """Raise `EnvironmentFault` naming the pip command where Flask is absent."""
    if find_spec("flask") is None:
        raise missing_extra("flask", "flask", "serving with Flask")


def _model_getter(model: Model | Callable[[], Model] | str | os.PathLike[str]) -> Callable[[], Model]:
    if isinstance(model, Model):
        return lambda: model
    if isinstance(model, str | os.PathLike):
        return load_per_process(model)
    return model


def request_head() -> Request:
    """Take from Flask's current request what the dialects look at; its body is not touched."""
    import flask

    headers = {name.lower(): value for name, value in flask.request.headers.items()}
    return Request(headers=headers, request_id=choose_request_id(headers.get("x-request-id")))


def flask_response(response: Response) -> "flask.Response":
    """Give the form that a view returns."""
    import flask

    return flask.Response(
        response.body, status=response.status, headers=dict(response.headers), content_type=response.content_type
    )


def read_body(environ: dict[str, Any], limit_bytes: int) -> bytes:
    """
    Read the body of a WSGI request into memory.

    Args:
        environ: Its length may be declared, wrongly declared, or absent with chunked coding.
        limit_bytes: 1 or more. Of a larger body `MAX_DRAINED_BYTES` at most are read and thrown
            away: a server that closes a connection with unread bytes resets it, and the client
            would not see why.

    Raises:
        RequestError: `request.bytes`: it is larger; `request.body`: it breaks off, or its chunks
            cannot be read.
    """
    from werkzeug.wsgi import get_content_length, get_input_stream

    declared = get_content_length(environ)
    try:
        stream = get_input_stream(environ)
        too_large = declared is not None and declared > limit_bytes
        body = b"" if too_large else _read_at_most(stream, limit_bytes + 1 if declared is None else declared)
        if too_large or len(body) > limit_bytes:
            drain(stream)
            raise RequestError(
                f"the body has more than {limit_bytes} bytes, which is the limit",
                code="request.bytes",
                hint="send fewer or smaller images",
            )
    except RequestError:
        raise
    except Exception as error:
        # Each server has its own errors for a connection that breaks, and for chunks that make no sense.
        raise RequestError("the body cannot be read to its end", code="request.body") from error
    if declared is not None and len(body) < declared:
        raise RequestError(f"the body ends after {len(body)} of {declared} bytes", code="request.body")
    return body


def drain(stream: IO[bytes]) -> None:
    """Read and throw away what is left of a body, at most `MAX_DRAINED_BYTES`."""
    left = MAX_DRAINED_BYTES
    while left > 0 and (piece := stream.read(min(_PIECE_BYTES, left))):
        left -= len(piece)


def _read_at_most(stream: IO[bytes], size_bytes: int) -> bytes:
    pieces: list[bytes] = []
    while size_bytes > 0 and (piece := stream.read(min(_PIECE_BYTES, size_bytes))):
        pieces.append(piece)
        size_bytes -= len(piece)
    return b"".join(pieces)
