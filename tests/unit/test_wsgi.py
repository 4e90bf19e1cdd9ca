"""The whole application that gunicorn starts."""

import sys
from pathlib import Path

import flask
import numpy as np
import pytest
from flask.testing import FlaskClient

from andon.errors import BundleError, EnvironmentFault, ProofError, UsageError
from andon.wsgi import create_app
from tests.support.bundles import colour_graph, colour_image, encode, write_colours
from tests.support.forms import FORM, field, form

RED = encode(colour_image((200, 40, 40)))
JSON = {"Accept": "application/json"}


@pytest.fixture
def client() -> FlaskClient:
    """The service before there is a model."""
    return create_app(None, null=True).test_client()


def test_a_bundle_is_served(colours: Path) -> None:
    """Labels come out, and JSON says which model it was."""
    client = create_app(colours).test_client()
    assert client.get("/").data == b"classifier api"
    assert client.post("/run", data=form([field(RED)]), content_type=FORM).data == b"result : red"
    answer = client.post("/run", data=RED, content_type="image/png", headers=JSON).get_json()
    assert answer["model"]["name"] == "colours"
    assert answer["predictions"][0]["label"] == "red"


def test_there_is_a_service_before_there_is_a_model(client: FlaskClient) -> None:
    """Images are decoded and answered with `null`; what is none is refused."""
    assert client.post("/run", data=form([field(RED)]), content_type=FORM).data == b"result : null"
    assert client.post("/run", data=form([field(b"x")]), content_type=FORM).status_code == 400


@pytest.mark.parametrize(("path", "null"), [(None, False), ("scratch.andon", True)])
def test_a_bundle_or_null_and_not_both(path: str | None, *, null: bool) -> None:
    """The hint shows the two right calls."""
    with pytest.raises(UsageError) as caught:
        create_app(path, null=null)
    assert caught.value.code == "usage.argument"
    assert "create_app(None, null=True)" in caught.value.hint


def test_a_bundle_that_does_not_prove_itself_is_not_served(tmp_path: Path) -> None:
    """Digests that are right are not enough."""
    weights = np.array([[4, -2, -2], [-2, 4, -2], [-2, -2, 4.5]], np.float32)
    bundle = write_colours(tmp_path / "wrong.andon", colour_graph(weights))
    with pytest.raises(ProofError) as caught:
        create_app(bundle)
    assert caught.value.code == "proof.failed"


def test_a_missing_bundle_is_an_error_and_no_exit(tmp_path: Path) -> None:
    """Only under gunicorn does the process end."""
    with pytest.raises(BundleError):
        create_app(tmp_path / "typo.andon")


def test_under_gunicorn_it_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the code that stops gunicorn; missing libraries and wrong calls do so too."""
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    for path in (None, tmp_path / "typo.andon"):
        with pytest.raises(SystemExit) as caught:
            create_app(path)
        assert caught.value.code == 3


def test_a_missing_flask_is_named_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the pip command."""
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(EnvironmentFault) as caught:
        create_app("typo.andon")
    assert "andon[flask]" in caught.value.hint


@pytest.mark.parametrize("path", ["/nope", "/run/", "/static/x", "/run/../etc/passwd", "/%00", "/favicon.ico"])
def test_an_unknown_address_is_a_short_404(client: FlaskClient, path: str) -> None:
    """It says where images go; nothing of the address is repeated."""
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert answer.data.endswith(b"[request.path]")
    assert b"/run" in answer.data
    assert b"passwd" not in answer.data


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/run", {"POST", "OPTIONS"}),
        ("DELETE", "/run", {"POST", "OPTIONS"}),
        ("POST", "/", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    """In the header and in the sentence; without the probe, `GET /run` is one of them."""
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert set(answer.allow) == allowed
    assert b"POST" in answer.data or b"GET" in answer.data
    assert answer.data.endswith(b"[request.method]")


def test_errors_of_the_application_are_problems_too(client: FlaskClient) -> None:
    """Whoever asks for JSON gets JSON, and a request id."""
    answer = client.get("/nope", headers={**JSON, "X-Request-Id": "part-7"})
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json(force=True)["code"] == "request.path"
    assert answer.headers["X-Request-Id"] == "part-7"


def test_an_error_outside_of_our_routes_is_told_without_details() -> None:
    """A view that somebody adds, and that fails, gives no traceback."""
    app = create_app(None, null=True)

    @app.get("/broken")
    def broken() -> flask.Response:
        raise ZeroDivisionError("/secret")

    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert b"service.fault" in answer.data
    assert b"secret" not in answer.data


def test_head_answers_without_a_body(client: FlaskClient) -> None:
    """Health checks ask so."""
    answer = client.head("/")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len("classifier api")
