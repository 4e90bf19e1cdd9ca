"""The blueprint in applications of others, and how it reads a body."""

import importlib.util
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from andon.errors import BundleError, EnvironmentFault, RequestError
from andon.integrations.flask import MAX_DRAINED_BYTES, blueprint, read_body
from andon.model.null import null_model
from andon.settings import Limits
from tests.support.bundles import colour_image, encode
from tests.support.forms import FORM, field, form
from tests.support.tree import ROOT

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


def test_the_example_in_the_docs_serves(colours: Path) -> None:
    """Its own pages and the service work side by side."""
    spec = importlib.util.spec_from_file_location("flask_app", ROOT / "docs" / "examples" / "flask_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    client = module.create_app(str(colours)).test_client()
    assert client.get("/").data == b"the application around it"
    assert client.post("/inspection/run", data=form([field(PNG)]), content_type=FORM).data == b"result : red"


class Stream:
    """The body from a server that gives it in small pieces, and counts what was read."""

    def __init__(self, size_bytes: int, error: Exception | None = None) -> None:
        self.size_bytes = size_bytes
        self.given = 0
        self._error = error

    def read(self, size: int) -> bytes:
        """Give at most 100,000 bytes; at the end, nothing or the error."""
        piece = min(size, 100_000, self.size_bytes - self.given)
        if piece == 0 and self._error is not None:
            raise self._error
        self.given += piece
        return bytes(piece)


def environ(stream: Stream, declared: int | str | None, *, terminated: bool = True) -> dict[str, Any]:
    """Make what a WSGI server passes; `terminated` as gunicorn says that it ends the stream itself."""
    made: dict[str, Any] = {"wsgi.input": stream}
    if declared is not None:
        made["CONTENT_LENGTH"] = str(declared)
    if terminated:
        made["wsgi.input_terminated"] = True
    return made


@pytest.mark.parametrize(("declared", "terminated"), [(250_000, True), (250_000, False), (None, True)])
def test_a_body_is_read_whole(declared: int | None, *, terminated: bool) -> None:
    """With a declared length, or chunked; a server may give it in pieces of any size."""
    body = read_body(environ(Stream(250_000), declared, terminated=terminated), 250_000)
    assert len(body) == 250_000


def test_a_body_of_unknown_length_is_empty() -> None:
    """Without a length and without chunks there is none; reading would wait for ever."""
    stream = Stream(10)
    assert read_body(environ(stream, None, terminated=False), 100) == b""
    assert stream.given == 0


@pytest.mark.parametrize("declared", [1001, None])
def test_a_body_over_the_limit_is_drained_and_refused(declared: int | None) -> None:
    """The rest is read, so that the client listens; it is not kept."""
    stream = Stream(1001)
    with pytest.raises(RequestError) as caught:
        read_body(environ(stream, declared), 1000)
    assert caught.value.code == "request.bytes"
    assert stream.given == 1001


@pytest.mark.parametrize("declared", [10**12, None])
def test_an_endless_body_is_not_drained_for_ever(declared: int | None) -> None:
    """What is thrown away has a bound too."""
    stream = Stream(10**12)
    with pytest.raises(RequestError):
        read_body(environ(stream, declared), 1000)
    assert stream.given <= 1001 + MAX_DRAINED_BYTES


def test_a_limit_counts_what_comes_and_not_what_is_declared() -> None:
    """Chunked coding declares nothing, and a small declared length is all that is read."""
    stream = Stream(5000)
    assert len(read_body(environ(stream, 10), 1000)) == 10
    assert stream.given == 10


@pytest.mark.parametrize("terminated", [True, False])
def test_a_body_that_breaks_off_is_refused(*, terminated: bool) -> None:
    """Fewer bytes than declared are not the image that was sent."""
    with pytest.raises(RequestError) as caught:
        read_body(environ(Stream(99), 100, terminated=terminated), 1000)
    assert caught.value.code == "request.body"


def server_errors() -> Iterator[Exception]:
    """Give what servers raise while a body is read."""
    from gunicorn.http import errors

    yield errors.InvalidChunkSize(b"x")
    yield errors.ChunkMissingTerminator(b"x")
    yield errors.NoMoreData(b"x")
    yield ConnectionResetError(104, "Connection reset by peer")
    yield TimeoutError("timed out")


@pytest.mark.parametrize("error", list(server_errors()), ids=lambda error: type(error).__name__)
def test_what_a_server_raises_is_the_client_s_mistake(error: Exception) -> None:
    """Chunks that make no sense and lost connections are no fault of the service."""
    with pytest.raises(RequestError) as caught:
        read_body(environ(Stream(10, error), None), 1000)
    assert caught.value.code == "request.body"
    assert caught.value.__cause__ is error


def test_a_request_to_stop_is_not_caught() -> None:
    """Gunicorn ends a worker that hangs while it reads."""
    with pytest.raises(SystemExit):
        read_body(environ(Stream(10, SystemExit(1)), None), 1000)  # type: ignore[arg-type] # no Exception, on purpose
