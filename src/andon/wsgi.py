"""The service as a whole WSGI application: `gunicorn 'andon.wsgi:create_app("scratch.andon")'`."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from andon.errors import UsageError
from andon.integrations.flask import blueprint, flask_response, request_head, require_flask
from andon.integrations.gunicorn import booting, is_booting, worker_number
from andon.integrations.per_process import load_per_process
from andon.model.model import Model
from andon.model.null import null_model
from andon.predictions import Failure
from andon.web.answer import FAULT, method_not_allowed, refuse
from andon.web.dialects.classify import RUN

if TYPE_CHECKING:
    import flask
    from werkzeug.exceptions import InternalServerError, MethodNotAllowed, NotFound


def create_app(
    path: str | os.PathLike[str] | None, *, probe: bool = False, trust: bool = False, null: bool = False
) -> "flask.Flask":
    """
    Make the service of one bundle.

    Each process loads the bundle for itself and proves it before its first answer, also under
    `gunicorn --preload`. The model runs in the thread of the request, with one compute thread.

    Under gunicorn, whatever keeps the service from starting stops gunicorn with the exit code 3
    and the reason in its error log.

    Args:
        path: A bundle; None with `null`.
        probe: Add `GET /run`, which holds a worker for one second and answers `0`.
        trust: As `andon.load` takes it.
        null: Serve no bundle, but a model that answers `null`: a service to test before there is
            a model.

    Returns:
        A Flask application with the routes of `andon.integrations.flask.blueprint`.

    Raises:
        AndonError: The bundle does not load, or does not prove itself; `usage.argument`: there
            is neither a path nor `null`, or both.
        SystemExit: In its place under gunicorn, once the reason is logged.
    """
    with booting(worker_number()) if is_booting() else nullcontext():
        require_flask()
        return _application(_model(path, trust=trust, null=null), probe=probe)


def _model(path: str | os.PathLike[str] | None, *, trust: bool, null: bool) -> Model | Callable[[], Model]:
    if (path is None) != null:
        raise UsageError(
            "create_app got both a bundle and null=True" if null else "create_app got no bundle",
            code="usage.argument",
            hint='create_app("scratch.andon"), or create_app(None, null=True) before there is a model',
        )
    return null_model() if path is None else load_per_process(path, trust=trust)


def _application(model: Model | Callable[[], Model], *, probe: bool) -> "flask.Flask":
    routes = blueprint(model, probe=probe)
    import flask

    app = flask.Flask("andon", static_folder=None)
    app.register_blueprint(routes)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(405, _method_not_allowed)
    app.register_error_handler(500, _internal_error)
    return app


def _not_found(_: "NotFound") -> "flask.Response":
    return _refusal(
        Failure(
            code="request.path",
            message="there is nothing at this address",
            hint="images go to /run: curl -F file=@part.jpg",
        )
    )


def _method_not_allowed(error: "MethodNotAllowed") -> "flask.Response":
    return flask_response(method_not_allowed(RUN, request_head(), error.valid_methods or ()))


def _internal_error(_: "InternalServerError") -> "flask.Response":
    return _refusal(FAULT)


def _refusal(failure: Failure) -> "flask.Response":
    return flask_response(refuse(RUN, failure, request_head()))
