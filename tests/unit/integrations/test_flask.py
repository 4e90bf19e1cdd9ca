"""The blueprint in applications of others."""

import base64
import io
import sys
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from andon.errors import BundleError, EnvironmentFault
from andon.integrations.flask import blueprint
from andon.model.null import null_model
from andon.settings.limits import Limits
from tests.support.bundles import colour_image, encode

PNG = encode(colour_image((200, 40, 40)))


def hosted(routes: flask.Blueprint, **config: Any) -> FlaskClient:
    """Mount a blueprint in an application of somebody else, under a prefix."""
    app = flask.Flask("host")
    app.config.update(config)
    app.register_blueprint(routes, url_prefix="/inspection")

    @app.errorhandler(Exception)
    def handle(error: Exception) -> tuple[str, int]:
        return "the host's own error page", 418

    return app.test_client()


@pytest.fixture
def client() -> FlaskClient:
    """A host application around the model `null`."""
    return hosted(blueprint(null_model()))


def test_the_root_says_what_it_is(client: FlaskClient) -> None:
    """Exactly the seed's words, as text."""
    answer = client.get("/inspection/")
    assert answer.data == b"classifier api"
    assert answer.mimetype == "text/plain"
    assert client.head("/inspection/").status_code == 200


def test_an_image_is_classified(client: FlaskClient) -> None:
    """As a form, or as the body itself."""
    assert client.post("/inspection/run", data={"file": (io.BytesIO(PNG), "x.png")}).data == b"result : null"
    assert client.post("/inspection/run", data=PNG, content_type="image/png").data == b"result : null"


def test_programs_get_json(client: FlaskClient) -> None:
    """`/predict` takes what `/run` takes, and answers JSON whatever is accepted; with the headers of an answer."""
    for sent in (
        {"data": {"file": (io.BytesIO(PNG), "x.png")}},
        {"data": PNG, "content_type": "image/png"},
        {"json": {"image": base64.b64encode(PNG).decode()}},
    ):
        answer = client.post("/inspection/predict", headers={"Accept": "text/plain"}, **sent)
        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        assert answer.get_json()["predictions"][0]["label"] == "null"
        assert answer.headers["X-Model-Name"] == "null"
        assert "infer;dur=" in answer.headers["Server-Timing"]


def test_an_error_of_predict_is_a_problem(client: FlaskClient) -> None:
    """With its code, and not the page of the host."""
    answer = client.post("/inspection/predict", data=b"no image", content_type="image/png")
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert answer.get_json(force=True)["code"] == "image.format"
    assert client.get("/inspection/predict").status_code == 418  # the host's page for 405


def test_headers_of_the_request_reach_the_dialect(client: FlaskClient) -> None:
    """`Accept` and `X-Request-Id` are heard."""
    headers = {"Accept": "application/json", "X-Request-Id": "part-7"}
    answer = client.post("/inspection/run", data=PNG, content_type="image/png", headers=headers)
    assert answer.get_json()["request_id"] == answer.headers["X-Request-Id"] == "part-7"


def test_errors_are_answered_here_and_not_by_the_host(client: FlaskClient) -> None:
    """The host's error handlers see nothing of a bad image."""
    answer = client.post("/inspection/run", data=b"no image", content_type="image/png")
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert b"[image.format]" in answer.data


def test_the_limits_of_the_host_are_not_ours() -> None:
    """Our limit is the model's: a host's smaller one for its own forms does not apply."""
    client = hosted(blueprint(null_model()), MAX_CONTENT_LENGTH=10, MAX_FORM_PARTS=0)
    assert client.post("/inspection/run", data={"file": (io.BytesIO(PNG), "x.png")}).data == b"result : null"


def test_the_limits_of_the_model_are_ours() -> None:
    """A body over the model's limit is a 413 that names the limit."""
    model = null_model()
    model.limits = Limits(max_body_bytes=1000)
    answer = hosted(blueprint(model)).post("/inspection/run", data=bytes(1001), content_type="image/png")
    assert answer.status_code == 413
    assert b"more than 1000 bytes" in answer.data


def test_the_probe_is_off_unless_asked_for(client: FlaskClient) -> None:
    """`GET /run` would hold a worker; it is not there by itself."""
    assert client.get("/inspection/run").status_code == 418  # the host's page for 405


@pytest.mark.slow
def test_the_probe_answers_a_zero() -> None:
    """After a second, exactly `0`."""
    assert hosted(blueprint(null_model(), probe=True)).get("/inspection/run").data == b"0"


def test_a_model_may_come_from_a_function() -> None:
    """It is asked for each request, so that the host can exchange the model."""
    models = [null_model(), null_model()]
    client = hosted(blueprint(models.pop))
    for _ in range(2):
        assert client.post("/inspection/run", data=PNG, content_type="image/png").status_code == 200
    assert models == []


@pytest.mark.parametrize("as_text", [True, False])
def test_a_model_may_be_a_path(colours: Path, as_text: bool) -> None:  # noqa: FBT001 -- pytest passes it by name
    """The bundle is loaded and proven when the blueprint is made."""
    client = hosted(blueprint(str(colours) if as_text else colours))
    assert client.post("/inspection/run", data=PNG, content_type="image/png").data == b"result : red"


def test_a_path_without_a_bundle_is_refused_at_once(tmp_path: Path) -> None:
    """The application does not start with a model that is not there."""
    with pytest.raises(BundleError) as caught:
        blueprint(tmp_path / "typo.andon")
    assert caught.value.code == "bundle.missing"


def test_a_missing_flask_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the pip command."""
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(EnvironmentFault) as caught:
        blueprint(null_model())
    assert caught.value.code == "environment.extra"
    assert 'pip install "andon[flask]"' in caught.value.hint
