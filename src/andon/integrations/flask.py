"""The service as a blueprint, for Flask applications that exist already."""

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from andon.errors import missing_extra
from andon.integrations.blocking import ModelSource, head_of, hold, index, model_getter
from andon.integrations.body import read_wsgi_body
from andon.web.answer import answer_with_model
from andon.web.dialects.base import Dialect
from andon.web.dialects.classify import PREDICT, RUN
from andon.web.messages import Request, Response

if TYPE_CHECKING:
    import flask


def blueprint(model: ModelSource, *, probe: bool = False) -> "flask.Blueprint":
    """
    Make a blueprint with the routes of the service.

    `GET /` answers `classifier api`. `POST /run` takes the field `file` of a form, or an image
    itself, and answers `result : LABEL`, or JSON where `Accept` prefers it; `POST /predict` always
    answers JSON. What goes wrong with them is answered here, and never reaches the error handlers of
    the application; methods that they do not take are left to those.

    Args:
        model: A path: each process loads and proves it with one compute thread, as servers with
            several processes need it. Or a loaded model, or a function that gives one for each
            request. The model's `limits` bound what is read.
        probe: Add `GET /run`, which holds a worker for one second and answers `0`, to see
            whether requests run side by side.

    Raises:
        AndonError: The bundle does not load, or does not prove itself.
        SystemExit: In its place while gunicorn starts, which ends with the reason in its log.
        EnvironmentFault: `environment.extra`: Flask is not installed.
    """
    require_flask()
    import flask

    get_model = model_getter(model)
    routes = flask.Blueprint("andon", __name__)

    def answer(dialect: Dialect) -> flask.Response:
        read = partial(read_wsgi_body, flask.request.environ)
        return flask_response(answer_with_model(dialect, request_head(), read, get_model))

    routes.add_url_rule("/", "index", lambda: flask_response(index()))
    routes.add_url_rule("/run", "run", partial(answer, RUN), methods=["POST"])
    routes.add_url_rule("/predict", "predict", partial(answer, PREDICT), methods=["POST"])
    if probe:
        routes.add_url_rule("/run", "hold", lambda: flask_response(hold()))
    return routes


def require_flask() -> None:
    """Raise `EnvironmentFault` naming the pip command where Flask is absent."""
    if find_spec("flask") is None:
        raise missing_extra("flask", "flask", "serving with Flask")


def request_head() -> Request:
    """Take from Flask's current request what the dialects look at; its body is not touched."""
    import flask

    return head_of(flask.request.headers.items())


def flask_response(response: Response) -> "flask.Response":
    """Give the form that a view returns."""
    import flask

    return flask.Response(
        response.body, status=response.status, headers=dict(response.headers), content_type=response.content_type
    )
