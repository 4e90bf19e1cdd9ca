"""The applications of docs/examples, run as their readers would: a service of Andon inside of somebody else's."""

import base64
import json
import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import andon
from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_graph, colour_image, encode, write_colours
from tests.support.forms import FORM, field, form
from tests.support.gunicorn import Gunicorn
from tests.support.machine import is_running
from tests.support.program import ServerProgram
from tests.support.tree import ROOT
from tests.support.uvicorn import Uvicorn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

EXAMPLES = str(ROOT / "docs" / "examples")
RED = encode(colour_image((200, 40, 40)), "JPEG")
BODIES = {
    "form": (form([field(RED)]), FORM),
    "raw": (RED, "image/jpeg"),
    "json": (json.dumps({"image": base64.b64encode(RED).decode()}).encode(), "application/json"),
}
Start = Callable[[Path, Path], AbstractContextManager[ServerProgram]]
"""Makes a server of the bundle at a path, that runs in a folder."""


def flask_on(*words: str) -> Start:
    """The Flask example under gunicorn."""

    def start(bundle: Path, folder: Path) -> ServerProgram:
        return Gunicorn(*words, "--chdir", EXAMPLES, f'flask_app:create_app("{bundle}")', folder=folder)

    return start


def django_on(*words: str) -> Start:
    """The Django example under gunicorn."""

    def start(bundle: Path, folder: Path) -> ServerProgram:
        return Gunicorn(
            *words, "--chdir", EXAMPLES, "django_app:application", folder=folder, environment={"BUNDLE": str(bundle)}
        )

    return start


def on_uvicorn(application: str, *words: str) -> Start:
    """An example under uvicorn."""

    def start(bundle: Path, folder: Path) -> ServerProgram:
        return Uvicorn(*words, "--app-dir", EXAMPLES, application, folder=folder, environment={"BUNDLE": str(bundle)})

    return start


APPLICATIONS = {
    "flask": flask_on("-w", "2"),
    "flask --preload": flask_on("-w", "2", "--preload"),
    "django": django_on("-w", "2"),
    "django --preload": django_on("-w", "2", "--preload"),
    "django on uvicorn": on_uvicorn("django_app:asgi_application"),
    "fastapi": on_uvicorn("fastapi_app:app"),
    "fastapi --workers": on_uvicorn("fastapi_app:app", "--workers", "2"),
}


@pytest.fixture(scope="module", params=APPLICATIONS)
def application(
    request: pytest.FixtureRequest, colours: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProgram]:
    """Each example with the bundle of colours, on each of its servers."""
    with APPLICATIONS[request.param](colours, tmp_path_factory.mktemp("server")) as running:
        yield running.wait_until_it_serves()


def post(url: str, path: str, body: Any, content_type: str, **headers: str) -> httpx.Response:
    """Send a body to a service below its address."""
    return httpx.post(
        f"{url}{path}", content=body, headers={"Content-Type": content_type, **headers}, timeout=60, trust_env=False
    )


@pytest.mark.parametrize("kind", BODIES)
def test_an_image_is_classified(application: ServerProgram, kind: str) -> None:
    """However it is sent; as text for people and as JSON for programs."""
    run = post(application.url, "/inspection/run", *BODIES[kind])
    assert (run.status_code, run.text) == (200, "result : red")
    predict = post(application.url, "/inspection/predict", *BODIES[kind])
    assert (predict.status_code, predict.json()["predictions"][0]["label"]) == (200, "red")
    assert predict.json()["model"]["name"] == predict.headers["X-Model-Name"] == "colours"


def test_a_bad_image_is_a_problem(application: ServerProgram) -> None:
    """With its code, and in the form of Andon, whatever the application makes of errors."""
    answer = post(application.url, "/inspection/predict", b"no image", "image/jpeg")
    assert (answer.status_code, answer.json()["code"]) == (400, "image.format")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_told_so(application: ServerProgram, *, is_chunked: bool) -> None:
    """A 413 arrives, also where no length is declared, and not a connection reset."""
    pieces = (bytes(1_000_000) for _ in range(70))
    answer = post(application.url, "/inspection/predict", pieces if is_chunked else bytes(70_000_000), "image/jpeg")
    assert (answer.status_code, answer.json()["code"]) == (413, "request.bytes")


def test_a_chunked_image_is_classified(application: ServerProgram) -> None:
    """As clients send that do not know the length before."""
    answer = post(application.url, "/inspection/run", iter([RED[:100], RED[100:]]), "image/jpeg")
    assert (answer.status_code, answer.text) == (200, "result : red")


def test_the_application_around_goes_on(application: ServerProgram) -> None:
    """Its own page is where it was."""
    status, body, _ = application.ask("GET", "/")
    assert status == 200
    assert b"around it" in body


@pytest.mark.parametrize("start", [flask_on("-w", "1"), django_on("-w", "1"), on_uvicorn("fastapi_app:app")])
def test_nothing_is_written_to_disk(start: Start, colours: Path, tmp_path: Path) -> None:
    """An image over all limits of the frameworks is served by a process that may not write one byte to any file."""
    noise = np.random.default_rng(0).integers(0, 256, (1300, 1300, 3), np.uint8)
    noise[..., 0] |= 128
    large = encode(Image.fromarray(noise))
    assert len(large) > 5_000_000
    with start(colours, tmp_path) as running:
        running.wait_until_it_serves()
        for pid in (running.pid, *running.workers()):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        answer = post(running.url, "/inspection/run", form([field(large)]), FORM)
        assert (answer.status_code, answer.text) == (200, "result : red")


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with right digests in which one weight was changed."""
    weights = np.array([[4, -2, -2], [-2, 4, -2], [-2, -2, 4.5]], np.float32)
    return write_colours(tmp_path_factory.mktemp("wrong") / "wrong.andon", colour_graph(weights))


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_bundle_that_does_not_prove_itself_stops_the_application(name: str, wrong: Path, tmp_path: Path) -> None:
    """It never serves, it ends by itself with a code that is not 0, and its log says why."""
    with APPLICATIONS[name](wrong, tmp_path) as running:
        code = running.wait_until_it_ends()
        assert "[proof.failed]" in running.log
        assert "stage raw output" in running.log
        assert "hint: " in running.log
        if not isinstance(running, Uvicorn):
            assert running.log.count("[proof.failed]") == 1
            assert "Traceback" not in running.log
    # The master of uvicorn's workers ends with 0 whatever they did.
    assert code == {"django on uvicorn": 1, "fastapi --workers": 0}.get(name, 3)


@pytest.mark.parametrize("name", ["django", "fastapi", "fastapi --workers"])
def test_sigterm_ends_it(name: str, colours: Path, tmp_path: Path) -> None:
    """No process is left, and none has to be killed."""
    with APPLICATIONS[name](colours, tmp_path) as running:
        running.wait_until_it_serves()
        workers = running.workers()
        running.send_signal(signal.SIGTERM)
        # Uvicorn alone raises the signal again once it has ended.
        assert running.wait_until_it_ends() in (0, -signal.SIGTERM)
        # What Python starts beside uvicorn's workers ends a moment later.
        wait_until(lambda: not any(map(is_running, workers)), "the workers have ended")
        assert "Traceback" not in running.log


def test_fastapi_describes_it(colours: Path, tmp_path: Path) -> None:
    """The routes stand in the document of the application, and it is ready before it serves."""
    with APPLICATIONS["fastapi"](colours, tmp_path) as running:
        url = running.wait_until_it_serves().url
        paths = httpx.get(f"{url}/openapi.json", trust_env=False).json()["paths"]
        assert {"/", "/inspection/run", "/inspection/predict", "/inspection/ready"} <= paths.keys()
        assert httpx.get(f"{url}/inspection/ready", trust_env=False).json()["ready"] is True


def without_times(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what differs from one request to the next."""
    return {name: value for name, value in prediction.items() if name != "timings_ms"}


@pytest.mark.parametrize("image", [RED, encode(colour_image((90, 110, 100), (300, 211), seed=5))], ids=["JPEG", "PNG"])
def test_one_bundle_answers_alike_in_every_form(image: bytes, colours: Path, tmp_path: Path) -> None:
    """The same image gives the same numbers, to the last bit, from Python, from each framework and from our server."""
    expected = json.loads(json.dumps(without_times(andon.load(colours).predict(image).as_json())))
    answers: dict[str, Any] = {}
    for name in ("flask", "django", "django on uvicorn", "fastapi"):
        folder = tmp_path / name
        folder.mkdir()
        with APPLICATIONS[name](colours, folder) as running:
            answers[name] = post(
                running.wait_until_it_serves().url, "/inspection/predict", image, "application/octet-stream"
            ).json()
    with AndonServe(str(colours)) as service:
        answers["andon serve"] = post(service.url, "/predict", image, "application/octet-stream").json()
    assert {name: without_times(answer["predictions"][0]) for name, answer in answers.items()} == dict.fromkeys(
        answers, expected
    )
    assert len({json.dumps(answer["model"]) for answer in answers.values()}) == 1
    assert all(answer.keys() == {"predictions", "model", "request_id"} for answer in answers.values())
