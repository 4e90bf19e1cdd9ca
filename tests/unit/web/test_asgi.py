"""Which address is answered by what."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.engine.local import LocalEngine
from andon.errors import EngineError
from andon.settings.serve import ServeSettings
from andon.web.asgi import CLOSING_S
from tests.support.asgi import AsgiClient
from tests.support.engines import RED, FakeEngine
from tests.support.served import asked
from tests.support.waiting import TIMEOUT_S, wait_until

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def client() -> Iterator[AsgiClient]:
    """A service of the model `null`."""
    with asked() as made:
        yield made


def test_the_root_says_what_it_is(client: AsgiClient) -> None:
    """Exactly the seed's words, as text; health checks may ask for the head alone."""
    answer = client.get("/")
    assert (answer.status_code, answer.content) == (200, b"classifier api")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.head("/").status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/predict/null", "/predict/null/VERSION", "/predict/null/DIGEST"])
def test_images_are_predicted_at_each_address_of_a_model(client: AsgiClient, path: str) -> None:
    """With JSON that names it."""
    (model,) = client.get("/models").json()["models"]
    path = path.replace("VERSION", model["version"]).replace("DIGEST", model["digest"])
    answer = client.post(path, content=RED, headers=PNG)
    assert answer.status_code == 200
    assert answer.json()["model"] == {"name": "null", "version": model["version"], "digest": model["digest"]}
    assert answer.json()["predictions"][0]["label"] == "null"


def test_the_seed_is_answered_in_text(client: AsgiClient) -> None:
    """A form with a field `file`; JSON where it is asked for."""
    assert client.post("/run", files={"file": ("x.png", RED)}).content == b"result : null"
    assert client.post("/run", content=RED, headers={"Accept": "application/json"}).json()["predictions"]


@pytest.mark.parametrize("path", ["/predict/other", "/predict/null/0123456789ab", "/predict/n%20ull", "/predict/%00"])
def test_a_model_that_is_not_served_is_a_404(client: AsgiClient, path: str) -> None:
    """It says which are."""
    answer = client.post(path, content=RED, headers=PNG)
    assert (answer.status_code, answer.json()["code"]) == (404, "request.model")
    assert "null:" in answer.json()["hint"]


@pytest.mark.parametrize(
    "path", ["/nope", "/predict/", "/predict/a/b/c", "/run/", "/favicon.ico", "/%2e%2e/etc/passwd"]
)
def test_an_unknown_address_is_a_404(client: AsgiClient, path: str) -> None:
    """No redirect, which clients would follow without their body; nothing of the address is repeated."""
    for answer in (client.get(path), client.post(path, content=RED)):
        assert (answer.status_code, answer.json()["code"]) == (404, "request.path")
        assert "passwd" not in answer.text


def test_the_probe_is_off_unless_asked_for(client: AsgiClient) -> None:
    """It would hold a worker."""
    assert client.get("/run").status_code == 405
    engine = FakeEngine()
    with asked(None, engine=engine, probe=True) as probed:
        assert probed.get("/run").content == b"0"
    assert engine.held == [1.0]


def test_several_bundles_are_served(colours: Path) -> None:
    """The first is the default; an anonymous address uses it."""
    with asked(str(colours), None) as client:
        assert client.get("/models").json()["default"] == "colours"
        for path, label in (("/predict", "red"), ("/predict/colours", "red"), ("/predict/null", "null")):
            assert client.post(path, content=RED).json()["predictions"][0]["label"] == label


def test_the_end_of_the_application_ends_the_engine() -> None:
    """Once all requests are answered; nobody waits for what is left."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine):
        assert engine.closed_after == []
    assert engine.closed_after == [CLOSING_S]


def test_canaries_are_asked_again_and_again() -> None:
    """While the application runs; a model that answers wrongly is not ready."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine, canary_interval_s=0.1) as client:
        for _ in range(3):
            assert engine.submitted.acquire(timeout=TIMEOUT_S)
        assert client.get("/ready").status_code == 200
        assert all(job.is_canary for job in engine.jobs)
        engine.answers = None
        wait_until(lambda: client.get("/ready").status_code == 503, "the model is not ready")


def test_canaries_are_asked_again_after_a_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; a service must not become unready for ever without a word."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine, canary_interval_s=0.1) as client:
        engine.error = KeyError("a mistake")
        wait_until(lambda: "golden samples could not be asked" in caplog.text, "it is logged")
        engine.error = None
        asked_before = len(engine.jobs)
        wait_until(lambda: len(engine.jobs) > asked_before, "they are asked again")
        assert client.get("/ready").status_code == 200


def test_a_closed_engine_is_not_asked_any_more() -> None:
    """The application goes on to its end without an error."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine, canary_interval_s=0.1) as client:
        engine.error = EngineError("closed", code="engine.closed")
        assert client.post("/predict", content=RED).status_code == 503


def test_threads_do_not_pile_up() -> None:
    """Each application ends what it has started."""
    before = set(threading.enumerate())
    for _ in range(3):
        with asked(engine=LocalEngine(ServeSettings(threads=2))) as client:
            assert client.get("/ready").status_code == 200
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("andon")] == []
