"""What both clients do alike, against real services: one with a model, and ones that misbehave."""

import io
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import numpy as np
import pytest
from PIL import Image

import andon
from andon.client.conversation import READY_PAUSE_S
from andon.errors import ServiceError
from andon.model.model import Model
from andon.predictions import Prediction
from andon.programs import usable_port
from andon.settings.limits import Limits
from tests.support.answers import predictions_json, problem_json
from tests.support.bundles import INPUT, colour_image, encode, write_colours
from tests.support.clients import CLIENTS, Blocking, FakeClock, Looping
from tests.support.scripted import (
    Act,
    Received,
    Stage,
    answers,
    drips,
    hangs,
    http_answer,
    refuses,
    resets,
    says,
    scripted,
)
from tests.support.served import Served

Opening = Callable[..., Blocking | Looping]
GOOD = answers(200, predictions_json())
BEARER = "s3cret"
PATIENT_S = 60.0
"""A deadline that no test waits for."""
PNG = encode(colour_image((200, 40, 40)))
DECISION = {"ok_labels": ["green"], "thresholds": {"red": {"low": 0.3, "high": 0.6}}}


class Subject(NamedTuple):
    """A running service, the model that it serves, and the headers of every POST that it got."""

    url: str
    model: Model
    heads: list[dict[str, str]]


@pytest.fixture(params=CLIENTS)
def opening(request: pytest.FixtureRequest) -> Opening:
    """Opens a client of either kind."""
    return CLIENTS[request.param]


@pytest.fixture(scope="module", params=["stored", "exif"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A service with a model that decides, and heeds the orientation or not."""
    path = tmp_path_factory.mktemp("served") / "colours.andon"
    write_colours(path, input={**INPUT, "orientation": request.param}, decision=DECISION)
    with Served(path) as running:
        yield Subject(running.url, andon.load(path, threads=1), running.heads)


def sideways() -> Image.Image:
    """Open a JPEG that was taken with the camera on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    colour_image((200, 90, 40), (90, 40)).save(buffer, "JPEG", exif=exif)
    return Image.open(io.BytesIO(buffer.getvalue()))


def in_every_mode() -> dict[str, Image.Image]:
    """Make Pillow images of every mode that is taken, and of one that is not."""
    image = colour_image((40, 180, 60), (70, 44))
    modes = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I")
    return {f"Pillow {mode}": image.convert(mode) for mode in modes}


PIXELS = np.asarray(colour_image((50, 60, 190)))
SOURCES: dict[str, Any] = {
    "PNG": PNG,
    "JPEG": encode(colour_image((40, 180, 60)), "JPEG"),
    "bytearray": bytearray(PNG),
    "memoryview": memoryview(PNG),
    "PNG of 16 bits": encode(Image.fromarray(np.full((40, 40), 3000, np.uint16))),
    "TIFF": encode(colour_image((40, 180, 60)), "TIFF"),
    "cut off": PNG[:-20],
    "text": b"no image",
    "empty": b"",
    "array": PIXELS,
    "array, grey": PIXELS[:, :, 0],
    "array, from BGR": PIXELS[:, :, ::-1],
    "array of floats": PIXELS / 255,
    "array of a batch": PIXELS[None],
    "array, channels first": PIXELS.transpose(2, 0, 1),
    "array, empty": PIXELS[:0],
    "Pillow, 16 bits": Image.new("I;16", (40, 40), 3000),
    "Pillow, sideways": sideways(),
    "absent file": "/nowhere/part.png",
    "folder": "/",
    "number": 42,
    "nothing": None,
    **in_every_mode(),
}


def without_timings(prediction: Prediction) -> Prediction:
    """Drop what differs each time."""
    return msgspec.structs.replace(prediction, timings_ms={})


@pytest.mark.parametrize("name", SOURCES)
def test_a_prediction_is_that_of_the_model(served: Subject, opening: Opening, name: str) -> None:
    """Label, index, score, scores, verdict, reasons and error are equal, bit for bit, for every kind of source."""
    expected = served.model.predict(SOURCES[name])
    with opening(served.url) as client:
        found = client.predict(SOURCES[name])
    assert without_timings(found) == without_timings(expected)
    if found.error is None:
        assert set(found.timings_ms) == {"queue", *expected.timings_ms}


def test_a_path_is_read_here(served: Subject, opening: Opening, tmp_path: Path) -> None:
    """As text or as a path; the service never sees a name."""
    path = tmp_path / "part.png"
    path.write_bytes(PNG)
    expected = without_timings(served.model.predict(path))
    with opening(served.url) as client:
        assert without_timings(client.predict(path)) == without_timings(client.predict(str(path))) == expected


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_many_predictions_are_those_of_the_model(served: Subject, opening: Opening, batch_size: int) -> None:
    """In order, whatever the size of the batches, bad ones among good ones."""
    sources = [*SOURCES.values(), *SOURCES.values()]
    expected = [without_timings(prediction) for prediction in map(served.model.predict, sources)]
    with opening(served.url) as client:
        found = client.predict_many(iter(sources), batch_size=batch_size)
    assert [without_timings(prediction) for prediction in found] == expected


def test_several_images_share_a_request(served: Subject, opening: Opening) -> None:
    """20 images in batches of 8 are three requests; those that cannot be used are not sent."""
    served.heads.clear()
    with opening(served.url) as client:
        assert len(client.predict_many([PNG] * 20)) == 20
        assert len(served.heads) == 3
        assert len(client.predict_many([None, "/nowhere", PIXELS / 255])) == 3
        assert len(served.heads) == 3
        assert client.predict_many([]) == []


def test_batches_stay_within_the_bytes_of_a_body(served: Subject, opening: Opening) -> None:
    """A limit on the body makes more requests of fewer images, and none is refused for it."""
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    served.heads.clear()
    with opening(served.url) as client:
        client.client.limits = Limits(max_body_bytes=20_000)
        assert [p.error for p in client.predict_many([noise] * 8)] == [None] * 8
    assert len(served.heads) == 4
    assert all(int(head["content-length"]) <= 20_000 for head in served.heads)


def test_the_own_limits_hold(served: Subject, opening: Opening) -> None:
    """An image over the bytes allowed is not sent."""
    with opening(served.url) as client:
        client.client.limits = Limits(max_image_bytes=100)
        error = client.predict(PNG).error
        assert error is not None
        assert error.code == "image.bytes"


def test_the_images_before_an_error_of_the_caller_are_answered(served: Subject, opening: Opening) -> None:
    """What reading the images raises comes out after what was read before."""

    def images() -> Iterator[bytes]:
        yield from [PNG] * 5
        raise OSError("the camera is gone")

    found: list[Prediction] = []
    with opening(served.url) as client, pytest.raises(OSError, match="camera"):
        client.predict_many(images(), found=found, batch_size=2)
    assert [prediction.label for prediction in found] == ["red"] * 5


def test_the_images_before_an_error_of_the_service_are_answered(opening: Opening) -> None:
    """What the service answered comes out, then its error; what follows is not asked for."""
    found: list[Prediction] = []

    def refuses_evil(stage: Stage) -> bool:
        act = refuses(500, "service.fault") if b"evil" in stage.request.body else answers(200, predictions_json(2))
        return act(stage)

    images = [b"good", b"good", b"good", b"evil", *[b"good"] * 20]
    with scripted(refuses_evil) as service, opening(service.url) as client:
        with pytest.raises(ServiceError) as caught:
            client.predict_many(images, found=found, batch_size=2)
        assert len(service.received) <= 3
    assert caught.value.code == "service.fault"
    assert len(found) == 2


@pytest.mark.parametrize("single", ["part.png", PNG, Path("part.png"), PIXELS, colour_image((1, 2, 3))])
def test_one_image_is_not_many(opening: Opening, single: object) -> None:
    """A path is not taken for a list of letters, nor an image for a list of rows."""
    with opening("http://127.0.0.1:1") as client, pytest.raises(andon.AndonError, match="single image"):
        client.client.predict_many(single)  # type: ignore[arg-type]  # it is the mistake under test


def test_a_batch_of_no_images_is_a_mistake(opening: Opening) -> None:
    """It is said at once, not when the first prediction is asked for."""
    with opening("http://127.0.0.1:1") as client, pytest.raises(andon.AndonError, match="batch_size is 0"):
        client.client.predict_many([PNG], batch_size=0)


def test_the_models_are_told(served: Subject, opening: Opening) -> None:
    """Typed, with labels and proof, and which one is asked by default."""
    with opening(served.url) as client:
        (model,) = client.call("models")
    assert (model.name, model.labels, model.is_default) == (served.model.name, served.model.labels, True)
    (described,) = httpx.get(f"{served.url}/models", trust_env=False).json()["models"]
    assert msgspec.to_builtins(model) == {
        **described,
        "labels": served.model.labels,
        "devices": ("cpu",),
        "passed_over": (),
        "is_default": True,
    }
    assert model.proof is not None
    assert model.proof.holds


def test_a_model_may_be_named(served: Subject, opening: Opening) -> None:
    """By name, and by name and version; an unknown one is the service's error."""
    with opening(served.url, model="colours", version=served.model.version) as client:
        assert client.predict(PNG).label == "red"
    with opening(served.url, model="of another line") as client, pytest.raises(ServiceError) as caught:
        client.predict(PNG)
    assert caught.value.code == "request.model"
    assert "/predict/of%20another%20line, request" in caught.value.where


def test_connections_are_used_again(opening: Opening) -> None:
    """Twenty calls, one connection."""
    with scripted(GOOD) as service, opening(service.url) as client:
        for _ in range(20):
            client.predict(PNG)
        assert len(service.received) == 20
        assert service.connections == 1


def test_a_request_says_who_asks_and_how_long(opening: Opening) -> None:
    """Token, priority, deadline, id and the host; the image goes as it is."""
    options = andon.ClientOptions(priority="line")
    with scripted(GOOD) as service, opening(service.url, token=BEARER, deadline_s=5, options=options) as client:
        client.predict(PNG)
        (request,) = service.received
    assert (request.method, request.path, request.body) == ("POST", "/predict", PNG)
    assert request.headers["authorization"] == f"Bearer {BEARER}"
    assert request.headers["x-priority"] == "line"
    assert 1000 < int(request.headers["x-deadline-ms"]) <= 5000
    assert len(request.headers["x-request-id"]) == 32
    assert f"http://{request.headers['host']}" == service.url
    assert request.headers["content-type"] == "application/octet-stream"


def test_without_a_priority_or_token_nothing_is_said_of_them(opening: Opening) -> None:
    """The service decides; and what the machine's user keeps elsewhere is not sent."""
    with scripted(GOOD) as service, opening(service.url) as client:
        client.predict(PNG)
        assert {"authorization", "x-priority", "cookie"}.isdisjoint(service.received[0].headers)


TRANSIENT: dict[str, Act] = {
    "full": refuses(429, "service.unready", Retry_After="0"),
    "not ready": refuses(503, "service.unready"),
    "a proxy without its service": answers(502, b"<html>", Content_Type="text/html"),
    "a reset": resets,
    "closed without a word": says(b""),
    "closed within the head": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed within the body": says(http_answer(200, predictions_json())[:-9]),
    "no HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_may_pass_is_tried_again(opening: Opening, name: str) -> None:
    """The second attempt succeeds, with the same image and the same request id."""
    with scripted(TRANSIENT[name], GOOD) as service, opening(service.url, deadline_s=PATIENT_S) as client:
        assert client.predict(PNG).label == "red"
        first, second = service.received
    assert first.body == second.body == PNG
    assert first.headers["x-request-id"] == second.headers["x-request-id"]


@pytest.mark.parametrize("name", TRANSIENT)
def test_without_retries_it_is_the_callers_turn(opening: Opening, name: str) -> None:
    """The first failure is the last, and says what it was."""
    options = andon.ClientOptions(retries=0)
    with scripted(TRANSIENT[name]) as service, opening(service.url, options=options) as client:
        with pytest.raises(ServiceError) as caught:
            client.predict(PNG)
        assert len(service.received) == 1
    refused = name in ("full", "not ready")
    assert caught.value.code == (
        "service.unready" if refused else "client.answer" if "proxy" in name else "client.connection"
    )
    assert caught.value.request_id == service.received[0].headers["x-request-id"]


def test_a_lost_connection_of_the_pool_is_no_error(opening: Opening) -> None:
    """A service that was started anew is asked through a new connection."""

    def once(stage: Stage) -> bool:
        GOOD(stage)
        return False

    with scripted(once) as service, opening(service.url) as client:
        for _ in range(3):
            assert client.predict(PNG).label == "red"


LASTING: dict[str, tuple[Act, str]] = {
    "a wrong token": (refuses(401, "request.path", "the token is wrong"), "request.path"),
    "a fault": (refuses(500, "service.fault"), "service.fault"),
    "the deadline of the service": (refuses(504, "service.unready"), "service.unready"),
    "an error of the future": (refuses(400, "future.error"), "client.answer"),
    "another service": (answers(200, b"<html>", Content_Type="text/html"), "client.answer"),
    "another JSON": (answers(200, b'{"predictions": [{}]}'), "client.answer"),
    "too few predictions": (answers(200, predictions_json(0)), "client.answer"),
    "too many predictions": (answers(200, predictions_json(2)), "client.answer"),
    "a redirect": (answers(307, b"", Location="http://127.0.0.1:1/elsewhere"), "client.answer"),
    "nothing": (answers(204), "client.answer"),
}


@pytest.mark.parametrize("name", LASTING)
def test_what_does_not_pass_is_told_at_once(opening: Opening, name: str) -> None:
    """One attempt; the error has the code of the service, the URL and the request id."""
    act, code = LASTING[name]
    with scripted(act) as service, opening(service.url, deadline_s=PATIENT_S) as client:
        with pytest.raises(ServiceError) as caught:
            client.predict(PNG)
        assert len(service.received) == 1
    request_id = service.received[0].headers["x-request-id"]
    assert (caught.value.code, caught.value.request_id) == (code, request_id)
    assert caught.value.where == f"{service.url}/predict, request {request_id}"


def test_an_error_survives_the_way_to_another_process(opening: Opening) -> None:
    """Programs that predict in worker processes see code and request id too."""
    with scripted(refuses(500, "service.fault")) as service, opening(service.url) as client:
        with pytest.raises(ServiceError) as caught:
            client.predict(PNG)
        copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 -- our own bytes
        assert (copy.code, copy.request_id, str(copy)) == (
            "service.fault",
            service.received[0].headers["x-request-id"],
            str(caught.value),
        )


def test_nobody_there_is_said_after_all_attempts(opening: Opening) -> None:
    """The error names the URL and how often it was tried."""
    url = f"http://127.0.0.1:{usable_port(0)}"
    with opening(url, options=andon.ClientOptions(retries=1)) as client, pytest.raises(ServiceError) as caught:
        client.predict(PNG)
    assert caught.value.code == "client.connection"
    assert caught.value.where.startswith(f"{url}/predict, request ")
    assert caught.value.where.endswith(", 2 attempts")


STALLING: dict[str, Act] = {
    "says nothing": hangs,
    "sends a head without end": drips(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "sends a body without end": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STALLING)
def test_no_call_outlasts_its_deadline(opening: Opening, name: str) -> None:
    """Whether the service says nothing at all or a byte now and then, the call ends."""
    with scripted(STALLING[name]) as service, opening(service.url, deadline_s=0.3) as client:
        # A client that waits for ever would wait until the service ends; then it says otherwise.
        watchdog = threading.Timer(20, service.close)
        watchdog.start()
        with pytest.raises(ServiceError) as caught:
            client.predict(PNG)
        watchdog.cancel()
    assert caught.value.code == "client.deadline"
    assert "no answer within 0.3 s" in caught.value.message


@pytest.mark.slow
def test_a_body_that_nobody_reads_does_not_hold_the_caller(opening: Opening) -> None:
    """Writing is bounded by the deadline too."""
    with scripted(hangs) as service, opening(service.url, deadline_s=0.5) as client:
        with pytest.raises(ServiceError) as caught:
            client.predict(PNG + bytes(8_000_000))
        assert caught.value.code == "client.deadline"


def test_waiting_never_passes_the_deadline(opening: Opening) -> None:
    """A service that wants to be left alone for longer than there is time is not waited for."""
    act = refuses(503, "service.unready", Retry_After="30")
    with scripted(act) as service, opening(service.url, deadline_s=5) as client:
        with pytest.raises(ServiceError) as caught:
            client.predict(PNG)
        assert len(service.received) == 1
    assert caught.value.code == "service.unready"


def test_an_answer_without_end_is_refused(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is read up to its bound, and no further."""
    monkeypatch.setattr("andon.client.connections.MAX_ANSWER_BYTES", 1000)
    with scripted(answers(200, bytes(1001))) as service, opening(service.url) as client:
        with pytest.raises(ServiceError, match="more than") as caught:
            client.predict(PNG)
        assert caught.value.code == "client.answer"


def test_an_image_that_is_bad_alone_is_no_error_of_the_call(opening: Opening) -> None:
    """Its problem becomes its prediction, with message and hint; so does a failure of the model on it."""
    for status, code in ((400, "image.truncated"), (500, "runtime.run")):
        act = answers(status, problem_json(code, "it is cut off", "send it again"))
        with scripted(act) as service, opening(service.url) as client:
            found = client.predict(PNG)
        assert found.error is not None
        assert (found.error.code, found.error.message, found.error.hint) == (code, "it is cut off", "send it again")
        assert (found.label, found.reasons, found.verdict.name) == (None, ("it is cut off",), "NotDecidable")


def test_ready_is_asked_once(opening: Opening) -> None:
    """Yes, no, and nobody there are answers; another service is an error."""
    unready = answers(503, b'{"ready": false, "models": []}')
    with scripted(answers(200, b'{"ready": true}'), unready, answers(404)) as service, opening(service.url) as client:
        assert client.call("is_ready") is True
        assert client.call("is_ready") is False
        with pytest.raises(ServiceError) as caught:
            client.call("is_ready")
        assert caught.value.code == "client.answer"
        assert [request.path for request in service.received] == ["/ready"] * 3
    with opening(f"http://127.0.0.1:{usable_port(0)}") as client:
        assert client.call("is_ready") is False


@pytest.mark.slow
def test_a_service_that_starts_is_waited_for(opening: Opening) -> None:
    """Not ready, a broken connection, a proxy before its service, then ready."""
    acts = (refuses(503, "service.unready"), resets, answers(502), answers(200, b'{"ready": true}'))
    with scripted(*acts) as service, opening(service.url) as client:
        client.call("wait_until_ready", PATIENT_S)
        assert len(service.received) == 4


def test_a_service_that_does_not_start_is_named_with_its_reason(opening: Opening) -> None:
    """With less time than is between two questions it is asked once; what it says of its models is passed on."""
    models = [{"name": "scratch", "state": "loading", "reason": "it is proven now"}]
    unready = answers(503, msgspec.json.encode({"ready": False, "models": models}))
    with scripted(unready) as service, opening(service.url) as client:
        with pytest.raises(ServiceError, match="scratch is loading: it is proven now") as caught:
            client.call("wait_until_ready", READY_PAUSE_S * 0.9)
        assert len(service.received) == 1
    assert caught.value.code == "client.deadline"


def test_a_closed_client_says_so(opening: Opening) -> None:
    """It may be closed twice, and asks nothing afterwards."""
    with scripted(GOOD) as service, opening(service.url) as client:
        client.call("close")
        with pytest.raises(andon.AndonError, match="closed"):
            client.predict(PNG)
        assert service.received == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "127.0.0.1:5555"},
        {"deadline_s": 0},
        {"deadline_s": float("nan")},
        {"token": "line\nbreak"},
        {"version": "1"},
        {"model": ""},
    ],
)
def test_a_wrong_argument_is_told_when_the_client_is_made(opening: Opening, wrong: dict[str, Any]) -> None:
    """Nothing is asked for it."""
    with pytest.raises(andon.AndonError) as caught:
        opening(**{"url": "http://127.0.0.1:1", **wrong})
    assert caught.value.code == "usage.argument"
    assert "line\nbreak" not in str(caught.value)


def test_the_environment_is_not_read(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the machine is no business of a client that names its service."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with scripted(GOOD) as service, opening(service.url) as client:
        assert client.predict(PNG).label == "red"


def test_a_large_body_arrives_whole(opening: Opening) -> None:
    """Bytes that are written in pieces come in order."""
    image = np.random.default_rng(0).integers(0, 256, 9_000_001, np.uint8).tobytes()
    with scripted(GOOD) as service, opening(service.url) as client:
        client.predict(image)
        received: Received = service.received[0]
    assert received.body == image


class SlowPath:
    """A path on a disk that takes three seconds to find it."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self._path = path
        self._clock = clock

    def __fspath__(self) -> str:
        self._clock.sleep(3)
        return str(self._path)


def test_the_time_of_reading_and_encoding_counts(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is told what is left of the deadline of the whole call."""
    clock = FakeClock()
    monkeypatch.setattr("andon.client.conversation.monotonic", clock.now)
    (tmp_path / "part.png").write_bytes(PNG)
    with scripted(GOOD) as service, opening(service.url, deadline_s=5) as client:
        client.predict(SlowPath(tmp_path / "part.png", clock))
        assert service.received[0].headers["x-deadline-ms"] == "2000"
