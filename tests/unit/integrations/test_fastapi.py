"""The router in applications of others, without a server."""

import asyncio
import base64
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fastapi
import jsonschema
import msgspec
import numpy as np
import pytest
from fastapi.responses import PlainTextResponse
from starlette.middleware.base import BaseHTTPMiddleware

from andon.errors import BundleError, EnvironmentFault, ProofError, UsageError
from andon.integrations import fastapi as fastapi_integration
from andon.integrations.fastapi import router
from andon.settings.serve import ServeSettings
from tests.support.asgi import AsgiClient, asking, running
from tests.support.bundles import colour_graph, colour_image, encode, write_colours
from tests.support.cards import as_one_of, give_cards
from tests.support.forms import FORM, field, form

PNG = encode(colour_image((200, 40, 40)))
IMAGE = {"Content-Type": "image/png"}
ONE = ServeSettings(threads=1)


def host(routes: fastapi.APIRouter, *, dependencies: Any = None, **options: Any) -> fastapi.FastAPI:
    """Mount a router in an application of somebody else, with a page and an error handler of its own."""
    app = fastapi.FastAPI(**options)
    app.include_router(routes, prefix="/inspection", dependencies=dependencies)

    @app.get("/")
    def home() -> str:
        return "the host's own page"

    @app.exception_handler(Exception)
    def handle(request: fastapi.Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("the host's own error page", 418)

    return app


@pytest.fixture(scope="module")
def client(colours: Path) -> Iterator[AsgiClient]:
    """A host application around the colours and the model `null`."""
    with running(host(router(colours, None, settings=ONE))) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (form([field(PNG)]), {"Content-Type": FORM}),
        (PNG, IMAGE),
        (msgspec.json.encode({"image": base64.b64encode(PNG).decode()}), {"Content-Type": "application/json"}),
    ],
    ids=["form", "raw", "json"],
)
def test_an_image_is_classified(client: AsgiClient, body: bytes, headers: dict[str, str]) -> None:
    """As a form, as the body itself, or as base64 in JSON."""
    answer = client.post("/inspection/predict", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["label"] == "red"
    assert answer.headers["X-Model-Name"] == "colours"
    assert "queue;dur=" in answer.headers["Server-Timing"]
    assert client.post("/inspection/run", content=body, headers=headers).text == "result : red"


def test_a_model_is_chosen_by_the_address(client: AsgiClient) -> None:
    """By its name, and by its version too; an unknown one is a 404 of ours."""
    known = client.get("/inspection/models").json()
    assert [model["name"] for model in known["models"]] == ["colours", "null"]
    version = known["models"][0]["version"]
    for address, label in (("/null", "null"), ("/colours", "red"), (f"/colours/{version}", "red")):
        answer = client.post(f"/inspection/predict{address}", content=PNG, headers=IMAGE)
        assert answer.json()["predictions"][0]["label"] == label
    answer = client.post("/inspection/predict/colour", content=PNG, headers=IMAGE)
    assert (answer.status_code, answer.json()["code"]) == (404, "request.model")


def test_it_says_that_it_lives_and_is_ready(client: AsgiClient) -> None:
    """Once the application has started, every model has proven itself."""
    assert client.get("/inspection/live").json() == {"live": True}
    assert client.get("/inspection/ready").json()["ready"] is True
    assert client.get("/").json() == "the host's own page"


def test_errors_are_answered_here_and_not_by_the_host(client: AsgiClient) -> None:
    """The host's exception handler sees nothing of a bad image, of a wrong header or of a wrong body."""
    for headers, body, code in (
        (IMAGE, b"no image", "image.format"),
        ({**IMAGE, "X-Deadline-Ms": "soon"}, PNG, "request.header"),
        ({"Content-Type": "application/json"}, b"[", "request.body"),
    ):
        answer = client.post("/inspection/predict", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


def test_it_is_described_by_the_host(client: AsgiClient) -> None:
    """The description names each address, and what really comes back is as described."""
    paths = client.get("/openapi.json").json()["paths"]
    under = {path.removeprefix("/inspection") for path in paths if path.startswith("/inspection")}
    assert under == {
        *("/run", "/predict", "/predict/{model}", "/predict/{model}/{version}"),
        *("/models", "/live", "/ready"),
    }
    for method, path, sent, status in (
        ("POST", "/predict", {"content": PNG, "headers": IMAGE}, 200),
        ("POST", "/predict", {"content": form([field(PNG), field(b"x")]), "headers": {"Content-Type": FORM}}, 200),
        ("POST", "/predict", {"content": b"x", "headers": IMAGE}, 400),
        ("POST", "/run", {"content": PNG, "headers": {**IMAGE, "Accept": "application/json"}}, 200),
        ("GET", "/models", {}, 200),
        ("GET", "/live", {}, 200),
        ("GET", "/ready", {}, 200),
    ):
        answer = client.request(method, f"/inspection{path}", **sent)
        assert answer.status_code == status
        operation = paths[f"/inspection{path}"][method.lower()]
        described = operation["responses"][str(status)]["content"]
        schema = described[answer.headers["Content-Type"]]["schema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(answer.json(), schema)
        assert ("requestBody" in operation) == (method == "POST")


def test_a_dependency_of_the_host_guards_it(colours: Path) -> None:
    """As with any router: who is not let in by the host gets the host's answer."""

    def require_key(x_key: str = fastapi.Header()) -> None:
        if x_key != "open":
            raise fastapi.HTTPException(403, "the host says no")

    app = host(router(colours, settings=ONE), dependencies=[fastapi.Depends(require_key)])
    with running(app) as client:
        refused = client.post("/inspection/run", content=PNG, headers={**IMAGE, "X-Key": "shut"})
        assert (refused.status_code, refused.json()["detail"]) == (403, "the host says no")
        taken = client.post("/inspection/run", content=PNG, headers={**IMAGE, "X-Key": "open"})
        assert taken.text == "result : red"


def test_the_lifespan_of_the_host_is_run_too(colours: Path) -> None:
    """Both are entered and left, and the state of the host is its own."""
    seen = []

    @asynccontextmanager
    async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append("begin")
        yield {"hall": "3"}
        seen.append("end")

    with running(host(router(colours, settings=ONE), lifespan=lifespan)) as client:
        assert seen == ["begin"]
        assert client.get("/inspection/ready").status_code == 200
    assert seen == ["begin", "end"]


def test_it_works_behind_a_middleware_of_the_host() -> None:
    """Starlette's own kind wraps what a request is read from, and where its end is seen."""

    async def passing(request: fastapi.Request, call_next: Any) -> fastapi.Response:
        return await call_next(request)

    app = host(router(None, settings=ONE))
    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    with running(app) as client:
        assert client.post("/inspection/run", content=PNG, headers=IMAGE).text == "result : null"


async def in_pieces(size_bytes: int) -> AsyncIterator[bytes]:
    """Give a body of no declared length."""
    for _ in range(size_bytes // 500):
        yield bytes(500)


def test_a_limit_of_the_host_is_a_413() -> None:
    """Also where it is noticed while the body is read; it is no fault of the service."""
    app = host(router(None, settings=ONE), max_body_size=1000)
    with running(app) as client:
        answer = client.post("/inspection/predict", content=in_pieces(2000), headers=IMAGE)
        assert (answer.status_code, answer.json()["code"]) == (413, "request.bytes")
        assert client.post("/inspection/predict", content=bytes(2000), headers=IMAGE).status_code == 413


def test_the_settings_bound_what_is_taken() -> None:
    """A body over `max_body_bytes` is a 413, and so are more images than `max_images`."""
    settings = ServeSettings(threads=1, max_body_bytes=1000, max_images=1)
    with running(host(router(None, settings=settings))) as client:
        answer = client.post("/inspection/predict", content=bytes(1001), headers=IMAGE)
        assert (answer.status_code, answer.json()["code"]) == (413, "request.bytes")
        two = form([field(b"x"), field(b"y")])
        answer = client.post("/inspection/predict", content=two, headers={"Content-Type": FORM})
        assert (answer.status_code, answer.json()["code"]) == (413, "request.images")


def test_a_token_of_the_settings_is_asked_for() -> None:
    """It guards what takes images, beside whatever the host asks for."""
    settings = ServeSettings(threads=1, token="0123456789abcdef")  # noqa: S106 -- no secret
    with running(host(router(None, settings=settings))) as client:
        assert client.post("/inspection/run", content=PNG, headers=IMAGE).status_code == 401
        headers = {**IMAGE, "Authorization": f"Bearer {settings.token}"}
        assert client.post("/inspection/run", content=PNG, headers=headers).text == "result : null"


async def that_stops() -> AsyncIterator[bytes]:
    """Give the beginning of a body, and nothing more."""
    yield PNG[:100]
    await asyncio.Event().wait()


def test_a_deadline_is_kept(client: AsgiClient) -> None:
    """Also by a request whose image does not come."""
    headers = {**IMAGE, "X-Deadline-Ms": "20"}
    answer = client.post("/inspection/predict", content=that_stops(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (504, "engine.deadline")


@pytest.mark.slow
def test_the_probe_is_there_if_asked_for(client: AsgiClient) -> None:
    """After a second, exactly `0`; and it is described."""
    assert client.get("/inspection/run").status_code == 405
    with running(host(router(None, settings=ServeSettings(threads=1, probe=True)))) as probed:
        assert probed.request("GET", "/inspection/run").text == "0"
        assert "get" in probed.request("GET", "/openapi.json").json()["paths"]["/inspection/run"]


def test_an_application_without_a_bundle_does_not_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The reason stands in the log by itself, beside whatever a server prints."""
    with (
        caplog.at_level(logging.ERROR, "andon"),
        pytest.raises(BundleError),
        running(host(router(tmp_path / "typo.andon", settings=ONE))),
    ):
        pytest.fail("it started")
    assert "the application does not start: [bundle.missing]" in caplog.text


def test_a_bundle_that_does_not_prove_itself_is_not_served(tmp_path: Path) -> None:
    """Digests that are right are not enough."""
    weights = np.array([[4, -2, -2], [-2, 4, -2], [-2, -2, 4.5]], np.float32)
    wrong = write_colours(tmp_path / "wrong.andon", colour_graph(weights))
    with pytest.raises(ProofError), running(host(router(wrong, settings=ONE))):
        pytest.fail("it started")


def test_a_bundle_that_is_given_twice_is_refused(colours: Path) -> None:
    """As by `andon serve`."""
    with pytest.raises(UsageError), running(host(router(colours, str(colours), settings=ONE))):
        pytest.fail("it started")


def test_without_its_lifespan_it_says_what_is_wrong(colours: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A mounted application's is not run; the log says what to do, and the client is asked to come again."""
    with asking(host(router(colours))) as client, caplog.at_level(logging.ERROR, "andon"):
        answer = client.post("/inspection/predict", content=PNG, headers=IMAGE)
    assert (answer.status_code, answer.json()["code"]) == (503, "service.unready")
    assert "include Andon's router in the application that the server runs" in caplog.text


def test_it_can_be_started_again(colours: Path) -> None:
    """Each start loads anew, and each end is an end."""
    app = host(router(colours, settings=ONE))
    for _ in range(2):
        with running(app) as client:
            assert client.post("/inspection/run", content=PNG, headers=IMAGE).text == "result : red"


def test_a_missing_fastapi_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the pip command."""
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(EnvironmentFault) as caught:
        router("scratch.andon")
    assert caught.value.code == "environment.extra"
    assert 'pip install "andon[fastapi]"' in caught.value.hint


@pytest.mark.parametrize(
    ("asked", "several", "devices"),
    [
        ("auto", False, ["cuda:0", "cuda:1"]),
        ("auto", True, ["cuda:0"]),
        ("cuda:1", True, ["cuda:1"]),
        ("cpu", True, ["cpu"]),
    ],
)
def test_one_process_uses_all_cards_and_one_of_several_takes_one(
    colours: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    several: bool,  # noqa: FBT001 -- a parameter of the test
    devices: list[str],
) -> None:
    """Those of `ANDON_DEVICES`; settings that are given go before."""
    give_cards(monkeypatch)
    monkeypatch.setattr(fastapi_integration, "is_one_of_several", lambda: several)
    monkeypatch.setenv("ANDON_DEVICES", asked)
    for settings, found in ((None, devices), (ServeSettings(devices="cpu"), ["cpu"])):
        with as_one_of("andon-test-fastapi"), running(host(router(colours, settings=settings))) as client:
            assert client.get("/inspection/models").json()["models"][0]["devices"] == found


def test_an_environment_that_names_no_devices_is_refused(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the router is made, and not at the first request."""
    monkeypatch.setenv("ANDON_DEVICES", "gpu")
    with pytest.raises(UsageError, match="devices: expected auto, cpu, cuda"):
        router(colours)


def test_cards_that_are_not_there_keep_the_application_from_starting(
    colours: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason stands alone in the log, before the server's traceback."""
    with (
        pytest.raises(EnvironmentFault, match="no cuda:99 here"),
        running(host(router(colours, settings=ServeSettings(devices="cuda:99")))),
    ):
        pass
    assert "the application does not start: [environment.device] there is no cuda:99 here" in caplog.text
