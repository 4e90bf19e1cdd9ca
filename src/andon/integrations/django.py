"""The service as URL patterns, for Django projects that exist already."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from andon.errors import missing_extra
from andon.integrations.blocking import ModelSource, head_of, hold, index, model_getter
from andon.integrations.body import declared_length, read_body, read_wsgi_body
from andon.model.model import Model
from andon.web.answer import answer_with_model, method_not_allowed
from andon.web.dialects.base import Dialect
from andon.web.dialects.classify import PREDICT, RUN
from andon.web.messages import Response

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

_View = Callable[["HttpRequest"], Response]


def andon_urls(model: ModelSource, *, probe: bool = False) -> "tuple[list[URLPattern], str]":
    """
    Make what `include` takes: `path("inspection/", include(andon_urls("scratch.andon")))`.

    Below that address, `GET` of the address itself answers `classifier api`. `POST run` takes the
    field `file` of a form, or an image itself, and answers `result : LABEL`, or JSON where `Accept`
    prefers it; `POST predict` always answers JSON. Errors are answered here, and never reach the
    handlers of the project or its debug page.

    The views are exempt from the check for cross-site request forgery: they read no cookie and no
    session, and change nothing that a forged request could be made for.

    Args:
        model: A path: each process loads and proves it with one compute thread, as servers with
            several processes need it. Or a loaded model, or a function that gives one for each
            request. The model's `limits` bound what is read, and not Django's
            `DATA_UPLOAD_MAX_MEMORY_SIZE`.
        probe: Add `GET run`, which holds a worker for one second and answers `0`, to see
            whether requests run side by side.

    Returns:
        The patterns, and `andon` as their namespace: `reverse("andon:run")`.

    Raises:
        AndonError: The bundle does not load, or does not prove itself.
        SystemExit: In its place while gunicorn starts, which ends with the reason in its log.
        EnvironmentFault: `environment.extra`: Django is not installed.
    """
    if find_spec("django") is None:
        raise missing_extra("django", "django", "serving with Django")
    from django.urls import path

    get_model = model_getter(model)
    run: dict[str, _View] = {"POST": _answering(RUN, get_model)}
    if probe:
        run["GET"] = lambda _http: hold()
    patterns = [
        path("", _view({"GET": lambda _http: index()}, PREDICT), name="index"),
        path("run", _view(run, RUN), name="run"),
        path("predict", _view({"POST": _answering(PREDICT, get_model)}, PREDICT), name="predict"),
    ]
    return patterns, "andon"


def _view(views: Mapping[str, _View], dialect: Dialect) -> "Callable[[HttpRequest], HttpResponse]":
    """Join views by their methods; that of `GET` answers `HEAD` too."""
    from django.http import HttpResponse
    from django.views.decorators.csrf import csrf_exempt

    def view(http: "HttpRequest") -> HttpResponse:
        of_method = views.get("GET" if http.method == "HEAD" else http.method)
        if of_method is None:
            response = method_not_allowed(dialect, head_of(http.headers.items()), views)
        else:
            response = of_method(http)
        return HttpResponse(
            response.body, status=response.status, headers=dict(response.headers), content_type=response.content_type
        )

    exempt: Callable[[HttpRequest], HttpResponse] = csrf_exempt(view)
    return exempt


def _answering(dialect: Dialect, get_model: Callable[[], Model]) -> _View:
    def answer(http: "HttpRequest") -> Response:
        return answer_with_model(dialect, head_of(http.headers.items()), partial(_read, http), get_model)

    return answer


def _read(http: "HttpRequest", limit_bytes: int) -> bytes:
    environ: Mapping[str, Any] = http.META
    declared = declared_length(environ)
    if declared is None and "wsgi.input" in environ:
        # Under WSGI, Django takes a body of undeclared length for an empty one.
        return read_wsgi_body(environ, limit_bytes)
    # Django has no public word for it, and would raise an error of its own that does not tell the cause.
    if getattr(http, "_read_started", False) and not hasattr(http, "_body"):
        # Logged with the request id, and a fault of the service to its client, who could do nothing about it.
        raise RuntimeError("the project read the body before Andon's view: a middleware must not use request.POST here")
    # This gives the body also where a middleware has used `request.body`.
    return read_body(http.read, declared, limit_bytes)
