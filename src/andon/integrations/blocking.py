"""What the routes do under a framework that gives each request a thread: which model, index, probe."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext

from andon.integrations.gunicorn import booting, is_booting, worker_number
from andon.integrations.per_process import load_per_process
from andon.model.model import Model
from andon.web.dialects.classify import GREETING, PROBE_S
from andon.web.messages import Request, Response, choose_request_id
from andon.web.problems import TEXT

ModelSource = Model | Callable[[], Model] | str | os.PathLike[str]
"""A path, which each process loads and proves with one compute thread, as servers with several processes need it; or
a loaded model; or a function that gives one for each request."""


def model_getter(model: ModelSource) -> Callable[[], Model]:
    """
    Make the function that is asked for the model at each request.

    Raises:
        AndonError: As `load_per_process`, for a path.
        SystemExit: In its place where gunicorn is loading the application: it ends with the exit
            code 3, and the reason in its error log.
    """
    if isinstance(model, Model):
        return lambda: model
    if isinstance(model, str | os.PathLike):
        with booting(worker_number()) if is_booting() else nullcontext():
            return load_per_process(model)
    return model


def head_of(headers: Iterable[tuple[str, str]]) -> Request:
    """Make what the dialects look at of the headers of a request; its body is not touched."""
    by_name = {name.lower(): value for name, value in headers}
    request_id = choose_request_id(by_name.get("x-request-id"))
    return Request(headers=by_name, request_id=request_id, received=time.perf_counter())


def index() -> Response:
    """Say what this is, in the seed's words."""
    return Response(status=200, content_type=TEXT, body=GREETING.encode())


def hold() -> Response:
    """Hold the worker for a second, to see whether requests run side by side."""
    time.sleep(PROBE_S)
    return Response(status=200, content_type=TEXT, body=b"0")
