"""The URL patterns in a project of somebody else, over WSGI and over ASGI."""

import base64
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path, reverse

from andon.errors import BundleError, EnvironmentFault
from andon.integrations.django import andon_urls
from andon.model.null import null_model
from andon.settings.limits import Limits
from tests.support.asgi import asking
from tests.support.bundles import colour_image, encode
from tests.support.forms import FORM, field, form

PNG = encode(colour_image((200, 40, 40)))
LARGE = bytes(3_000_000)
"""More than Django's own limit of 2.5 MB for a body."""
URLS = "urls_of_the_host"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Its content type without parameters."""
        return self.headers["Content-Type"].partition(";")[0]


Ask = Callable[..., Answer]


@contextmanager
def hosted(patterns: Any, *middleware: str, **configured: Any) -> Iterator[None]:
    """Mount the patterns in a project with debug pages, CSRF checks and error pages of its own."""
    if not settings.configured:
        settings.configure()
    urls = ModuleType(URLS)
    urls.urlpatterns = [path("inspection/", include(patterns))]  # type: ignore[attr-defined] # read by Django
    sys.modules[URLS] = urls
    common = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    fixed = {"ROOT_URLCONF": URLS, "MIDDLEWARE": [*middleware, *common], "ALLOWED_HOSTS": ["*"], "DEBUG": True}
    with override_settings(**{**fixed, **configured}):
        yield


def ask(method: str, address: str, body: bytes = b"", content_type: str = "", **environ: Any) -> Answer:
    """Ask the project over WSGI, as gunicorn passes a request."""
    told: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        told.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))

    request = {
        "REQUEST_METHOD": method,
        "PATH_INFO": address,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        **environ,
    }
    chunks = get_wsgi_application()(
        {name: value for name, value in request.items() if value is not None}, start_response
    )
    return Answer(body=b"".join(chunks), **told)


def ask_asgi(method: str, address: str, body: bytes = b"", content_type: str = "", **environ: Any) -> Answer:
    """Ask the project over ASGI; the environment becomes headers."""
    headers = {name.removeprefix("HTTP_").replace("_", "-"): text for name, text in environ.items() if text is not None}
    with asking(get_asgi_application()) as client:
        answer = client.request(method, address, content=body, headers={"Content-Type": content_type, **headers})
    return Answer(answer.status_code, {name.title(): text for name, text in answer.headers.items()}, answer.content)


@pytest.fixture(params=[ask, ask_asgi], ids=["wsgi", "asgi"])
def asked(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """The project around the model `null`, over each of its two interfaces."""
    with hosted(andon_urls(null_model())):
        yield request.param


@pytest.fixture
def project() -> Iterator[None]:
    """The project around the model `null`."""
    with hosted(andon_urls(null_model())):
        yield


def test_the_root_says_what_it_is(asked: Ask) -> None:
    """Exactly the seed's words, as text."""
    answer = asked("GET", "/inspection/")
    assert (answer.status, answer.body, answer.media_type) == (200, b"classifier api", "text/plain")
    assert asked("HEAD", "/inspection/").status == 200


def test_an_image_is_classified(asked: Ask) -> None:
    """As a form, or as the body itself, without a token against forgery."""
    assert asked("POST", "/inspection/run", form([field(PNG)]), FORM).body == b"result : null"
    assert asked("POST", "/inspection/run", PNG, "image/png").body == b"result : null"


def test_programs_get_json(asked: Ask) -> None:
    """`predict` takes what `run` takes, and JSON; the answer has its headers."""
    text = json.dumps({"image": base64.b64encode(PNG).decode()}).encode()
    for body, content_type in ((form([field(PNG)]), FORM), (PNG, "image/png"), (text, "application/json")):
        answer = asked("POST", "/inspection/predict", body, content_type, HTTP_X_REQUEST_ID="part-7")
        assert (answer.status, answer.media_type) == (200, "application/json")
        assert json.loads(answer.body)["predictions"][0]["label"] == "null"
        assert json.loads(answer.body)["request_id"] == answer.headers["X-Request-Id"] == "part-7"
        assert "infer;dur=" in answer.headers["Server-Timing"]


def test_errors_are_answered_here_and_not_by_the_host(asked: Ask) -> None:
    """The debug page sees nothing of a bad image."""
    answer = asked("POST", "/inspection/predict", b"no image", "image/png")
    assert (answer.status, answer.media_type) == (400, "application/problem+json")
    assert json.loads(answer.body)["code"] == "image.format"
    assert b"[image.format]" in asked("POST", "/inspection/run", b"no image", "image/png").body


def test_a_fault_of_the_service_is_answered_here_too(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is logged under the request id, and no debug page tells about it."""

    def broken() -> Any:
        raise ZeroDivisionError("/secret")

    with hosted(andon_urls(broken)), caplog.at_level(logging.ERROR, "andon"):
        answer = ask("POST", "/inspection/predict", PNG, "image/png", HTTP_X_REQUEST_ID="part-7")
    assert (answer.status, answer.media_type) == (500, "application/problem+json")
    assert b"secret" not in answer.body
    assert "request part-7 failed" in caplog.text


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [("GET", "run", "POST"), ("DELETE", "predict", "POST"), ("POST", "", "GET, HEAD")],
)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(asked: Ask, method: str, address: str, allowed: str) -> None:
    """In the header and in the sentence; without the probe, `GET run` is one of them."""
    answer = asked(method, f"/inspection/{address}")
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert f"it takes {allowed}".encode() in answer.body


def test_the_limits_of_the_host_are_not_ours(asked: Ask) -> None:
    """Django would refuse a body over 2.5 MB; an image may be larger."""
    answer = asked("POST", "/inspection/predict", LARGE, "image/png")
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "image.format")
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10):
        assert asked("POST", "/inspection/run", form([field(PNG)]), FORM).body == b"result : null"


@pytest.mark.parametrize("ask_it", [ask, ask_asgi])
def test_the_limits_of_the_model_are_ours(ask_it: Ask) -> None:
    """A body over the model's limit is a 413 that names the limit."""
    model = null_model()
    model.limits = Limits(max_body_bytes=1000)
    with hosted(andon_urls(model)):
        answer = ask_it("POST", "/inspection/run", bytes(1001), "image/png")
    assert answer.status == 413
    assert b"more than 1000 bytes" in answer.body


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
def test_a_chunked_body_is_read(project: None, coding: str) -> None:
    """Django takes it for empty; the server has put it together."""
    chunked = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": coding}
    assert ask("POST", "/inspection/run", PNG, "image/png", **chunked).body == b"result : null"


def test_a_chunked_body_that_the_server_does_not_end_is_empty(project: None) -> None:
    """As Django's own development server passes it on; to read it would be to wait for ever."""
    chunked = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": None}
    answer = ask("POST", "/inspection/run", PNG, "image/png", **chunked)
    assert (answer.status, b"[request.file]" in answer.body) == (400, True)


def test_a_body_that_breaks_off_is_refused(project: None) -> None:
    """Fewer bytes than declared are not the image that was sent."""
    answer = ask("POST", "/inspection/run", PNG, "image/png", CONTENT_LENGTH=str(len(PNG) + 1))
    assert (answer.status, b"[request.body]" in answer.body) == (400, True)


def reads_the_body(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Look at `request.body`, as middlewares do that log or sign."""

    def middleware(request: HttpRequest) -> HttpResponse:
        assert request.body
        return get_response(request)

    return middleware


def reads_the_form(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Look at `request.POST`, which takes the stream of a form away from the view."""

    def middleware(request: HttpRequest) -> HttpResponse:
        assert request.FILES
        return get_response(request)

    return middleware


@pytest.fixture
def middlewares(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name under which Django finds the middlewares above."""
    module = ModuleType("middlewares_of_the_host")
    vars(module).update(reads_the_body=reads_the_body, reads_the_form=reads_the_form)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


@pytest.mark.parametrize("ask_it", [ask, ask_asgi])
def test_a_middleware_may_look_at_the_body(middlewares: str, ask_it: Ask) -> None:
    """Django keeps it, and so it can be read again."""
    with hosted(andon_urls(null_model()), f"{middlewares}.reads_the_body"):
        assert ask_it("POST", "/inspection/run", form([field(PNG)]), FORM).body == b"result : null"


def test_a_middleware_that_takes_the_form_is_named(middlewares: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is a fault of the project and not of the client; the log says what to change."""
    with hosted(andon_urls(null_model()), f"{middlewares}.reads_the_form"), caplog.at_level(logging.ERROR, "andon"):
        answer = ask("POST", "/inspection/predict", form([field(PNG)]), FORM)
    assert (answer.status, json.loads(answer.body)["code"]) == (500, "service.fault")
    assert "a middleware must not use request.POST here" in caplog.text


@pytest.mark.slow
def test_the_probe_answers_a_zero() -> None:
    """After a second, exactly `0`, where it was asked for."""
    with hosted(andon_urls(null_model(), probe=True)):
        assert ask("GET", "/inspection/run").body == b"0"


def test_addresses_can_be_made(project: None) -> None:
    """The patterns have a namespace, so that templates of the project can link to them."""
    assert [reverse(f"andon:{name}") for name in ("index", "run", "predict")] == [
        "/inspection/",
        "/inspection/run",
        "/inspection/predict",
    ]


def test_a_model_may_be_a_path(colours: Path) -> None:
    """The bundle is loaded and proven when the patterns are made."""
    with hosted(andon_urls(colours)):
        assert ask("POST", "/inspection/run", PNG, "image/png").body == b"result : red"


def test_a_path_without_a_bundle_is_refused_at_once(tmp_path: Path) -> None:
    """The project does not start with a model that is not there."""
    with pytest.raises(BundleError) as caught:
        andon_urls(tmp_path / "typo.andon")
    assert caught.value.code == "bundle.missing"


def test_a_missing_django_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the pip command."""
    monkeypatch.setitem(sys.modules, "django", None)
    with pytest.raises(EnvironmentFault) as caught:
        andon_urls(null_model())
    assert caught.value.code == "environment.extra"
    assert 'pip install "andon[django]"' in caught.value.hint
