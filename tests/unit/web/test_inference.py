"""Images in, predictions out: with a real engine, and with one that the test decides for."""

import base64
import json
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from andon.engine.base import Priority
from andon.errors import EngineError
from andon.predictions import Failure, Prediction
from tests.support.asgi import AsgiClient
from tests.support.bundles import LABELS, colour_image, encode
from tests.support.engines import RED, FakeEngine
from tests.support.forms import FORM, field, form
from tests.support.gates import GATED, ThreadGate, gated_runtime
from tests.support.served import asked
from tests.support.waiting import TIMEOUT_S

GONE = {"type": "http.disconnect"}
V2_INPUT = {"name": "image", "datatype": "BYTES", "shape": [2], "data": [base64.b64encode(RED).decode()] * 2}
V2_TWO = json.dumps({"inputs": [V2_INPUT]}).encode()
ROUTES = {"/v2/models/a/infer": "/v2/models/{model}/infer"}
"""Patterns of addresses that are no patterns themselves."""
GREEN = encode(colour_image((40, 180, 60)), "JPEG")


def scope_of(path: str, headers: dict[str, str]) -> dict[str, Any]:
    """Make the scope of a POST, as a server does."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": path, "headers": raw, "query_string": b""}


def receiving(body: bytes, *more: dict[str, Any]) -> Callable[[], Coroutine[Any, Any, dict[str, Any]]]:
    """Make what a server receives: a whole body, and then further messages."""
    messages = [{"type": "http.request", "body": body}, *more]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return receive


async def nowhere(_: object) -> None:
    """Send to nobody."""


@pytest.fixture
def gate() -> Iterator[ThreadGate]:
    """The gate before a gated model."""
    with gated_runtime() as made:
        yield made


@pytest.fixture
def client(colours: Path) -> Iterator[AsgiClient]:
    """A service of the colours."""
    with asked(str(colours), max_body_bytes=4_000_000) as made:
        yield made


def test_an_image_is_answered_with_everything(client: AsgiClient) -> None:
    """Label, scores, verdict, stages; the headers name the model and say where the time went."""
    answer = client.post("/predict", content=RED, headers={"Content-Type": "image/png", "X-Request-Id": "part-7"})
    (prediction,) = answer.json()["predictions"]
    assert (prediction["label"], prediction["index"], prediction["verdict"]) == ("red", 0, "Undefined")
    assert len(prediction["scores"]) == len(LABELS)
    assert prediction["score"] == max(prediction["scores"])
    assert list(prediction["timings_ms"]) == ["queue", "decode", "prepare", "infer", "finish"]
    assert prediction["error"] is None
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "part-7"
    assert answer.headers["x-model-name"] == "colours"
    assert answer.json()["model"]["digest"] == answer.headers["x-model-digest"]
    stages = re.findall(r"(\w+);dur=[\d.]+", answer.headers["server-timing"])
    assert stages == ["read", "queue", "decode", "prepare", "infer", "finish"]


def test_several_images_are_answered_in_order(client: AsgiClient) -> None:
    """As a form or as JSON; a bad one errs in its place."""
    body = form([field(RED), field(b"x"), field(GREEN)])
    for answer in (
        client.post("/predict", content=body, headers={"Content-Type": FORM}),
        client.post("/predict", json={"images": [base64.b64encode(data).decode() for data in (RED, b"x", GREEN)]}),
    ):
        assert answer.status_code == 200
        assert [each["label"] for each in answer.json()["predictions"]] == ["red", None, "green"]
        bad = answer.json()["predictions"][1]
        assert (bad["error"]["code"], bad["verdict"], bad["scores"]) == ("image.format", "NotDecidable", [])


def test_a_large_body_is_taken_apart_as_well(client: AsgiClient) -> None:
    """In a thread, so that others are not kept waiting; what it raises is answered."""
    noise = encode(colour_image((90, 90, 90), (900, 900)))
    assert len(noise) > 1024 * 1024
    assert client.post("/predict", content=noise).json()["predictions"][0]["error"] is None
    answer = client.post("/predict", content=bytes(2_000_000), headers={"Content-Type": "text/plain"})
    assert answer.json()["code"] == "request.media_type"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"x", {}, 400, "image.format"),
        (b"", {}, 400, "request.file"),
        (b"x", {"Content-Type": "text/plain"}, 415, "request.media_type"),
        (bytes(4_000_001), {}, 413, "request.bytes"),
        (RED, {"X-Deadline-Ms": "soon"}, 400, "request.header"),
        (RED, {"X-Priority": "me"}, 400, "request.header"),
    ],
)
def test_what_is_wrong_with_a_request_is_a_problem(
    client: AsgiClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """With its status, its code and the request id."""
    answer = client.post("/predict", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_terms_reach_the_engine() -> None:
    """The lane, and a deadline."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine) as client:
        for name in Priority.__members__:
            client.post("/predict", content=RED, headers={"X-Priority": name, "X-Deadline-Ms": "500000"})
        client.post("/predict", content=RED)
    lanes = [job.priority for job in engine.jobs if not job.is_canary]
    assert lanes == [*Priority, Priority.interactive]
    assert engine.jobs[-2].deadline > engine.jobs[-1].deadline + 400


def test_a_deadline_that_passes_is_a_504(gate: ThreadGate, colours: Path) -> None:
    """While the image is still computed."""
    with asked(str(colours), runtime=GATED) as client:
        gate.shut()
        answer = client.post("/predict", content=RED, headers={"X-Deadline-Ms": "50"})
        assert (answer.status_code, answer.json()["code"]) == (504, "engine.deadline")
        assert "X-Deadline-Ms" in answer.json()["hint"]
        gate.open()
        assert client.post("/predict", content=RED).status_code == 200


def test_a_full_engine_is_a_429(gate: ThreadGate, colours: Path) -> None:
    """With `Retry-After`; what was accepted is answered all the same."""
    with asked(str(colours), runtime=GATED, threads=1, max_queue_jobs=1) as client:
        gate.shut()
        answers: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: answers.append(client.post("/predict", content=RED)))
        thread.start()
        gate.wait_for(1)
        answer = client.post("/predict", content=RED)
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "engine.full", "1")
        assert client.get("/live").status_code == 200
        gate.open()
        thread.join(TIMEOUT_S)
        assert answers[0].json()["predictions"][0]["label"] == "red"


def test_while_it_loads_an_image_is_a_503() -> None:
    """With `Retry-After`, in the way of the address."""
    with asked("a.andon", engine=FakeEngine(), loads=False) as client:
        answer = client.post("/predict", content=RED)
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
            503,
            "service.unready",
            "1",
        )
        assert client.post("/run", content=RED).content.endswith(b"[service.unready]")


def test_an_engine_that_ends_is_a_503() -> None:
    """Whether it refuses, or answers what it had accepted."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine) as client:
        engine.answers = Prediction(error=Failure(code="engine.closed", message="ending"))
        assert client.post("/predict", content=RED).status_code == 503
        engine.error = EngineError("ending", code="engine.closed")
        answer = client.post("/predict", content=RED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/predict", {}, RED),
        ("/predict", {"content-type": FORM}, form([field(RED), field(RED)])),
        ("/run", {"content-type": FORM}, form([field(RED)])),
        ("/v2/models/a/infer", {"inference-header-content-length": "0"}, RED),
        ("/v2/models/a/infer", {}, V2_TWO),
    ],
    ids=["raw", "form", "run", "v2 raw", "v2"],
)
def test_a_client_that_goes_away_frees_its_place(path: str, headers: dict[str, str], body: bytes) -> None:
    """However its images came, its jobs are cancelled; the request is counted as one that nobody waited for."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine) as client:
        engine.answers = None
        engine.futures.clear()
        client.run(partial(client.app, scope_of(path, headers), receiving(body, GONE), nowhere))
        assert engine.futures
        assert all(future.cancelled() for future in engine.futures)
        counted = f'andon_requests_total{{route="{ROUTES.get(path, path)}",status="499"}} 1.0'
        assert counted in client.get("/metrics").text


def test_a_full_queue_refuses_before_the_body_is_read() -> None:
    """What is sent then need not be held; it is counted as refused. A model that is not right refuses alike."""
    engine = FakeEngine()
    with asked("a.andon", engine=engine, max_queue_jobs=3) as client:
        sent: list[Any] = []

        async def receive() -> Any:
            raise AssertionError("the body was read")

        async def send(message: Any) -> None:
            sent.append(message)

        client.run(partial(client.app, scope_of("/predict", {}), receive, send))
        assert sent[0]["status"] == 429
        assert (b"retry-after", b"1") in sent[0]["headers"]
        assert b"3 images wait or run" in sent[1]["body"]
        assert 'andon_engine_jobs_total{outcome="refused"} 8.0' in client.get("/metrics").text


def test_the_probe_is_answered_by_its_deadline() -> None:
    """As every request is, while another one holds the worker; what is given up then frees its place."""
    with asked(probe=True, threads=1) as client:
        answer = client.get("/run", headers={"X-Deadline-Ms": "20"})
        assert answer.status_code == 504
        assert "[engine.deadline]" in answer.text
        assert client.get("/run", headers={"X-Deadline-Ms": "soon"}).status_code == 400
