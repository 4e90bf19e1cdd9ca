"""What goes on around each request."""

import logging
from collections.abc import Iterator

import pytest
from starlette.requests import Request as HttpRequest

from andon.errors import RequestError
from andon.predictions import Failure, Prediction
from andon.web.around import head_of
from tests.support.asgi import AsgiClient
from tests.support.engines import RED, FakeEngine
from tests.support.served import asked

TOKEN = "sixteen-letters!"  # noqa: S105 -- an example
OPEN = ("/", "/live", "/ready")
CLOSED = ("/models", "/metrics", "/predict", "/predict/null", "/run")


@pytest.fixture
def engine() -> FakeEngine:
    """An engine under the control of the test."""
    return FakeEngine()


@pytest.fixture
def client(engine: FakeEngine) -> Iterator[AsgiClient]:
    """A service around it."""
    with asked("a.andon", engine=engine) as made:
        yield made


def test_a_request_id_comes_back(client: AsgiClient) -> None:
    """The client's own, or one that is made, in answers and in problems."""
    for path in ("/live", "/models", "/nope", "/metrics"):
        assert client.get(path, headers={"X-Request-Id": "part-7"}).headers["x-request-id"] == "part-7"
        assert len(client.get(path).headers["x-request-id"]) == 32
    answer = client.get("/nope", headers={"X-Request-Id": "part-7"})
    assert answer.json()["request_id"] == "part-7"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "POST"),
        ("DELETE", "/run", "POST"),
        ("POST", "/models", "GET, HEAD"),
        ("OPTIONS", "/live", "GET, HEAD"),
        ("HEAD", "/predict", "POST"),
        ("BREW", "/ready", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(
    client: AsgiClient, method: str, path: str, allowed: str
) -> None:
    """In the header, and in the hint."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert method == "HEAD" or b"request.method" in answer.content


def test_with_a_token_only_what_says_nothing_is_open() -> None:
    """Health checks and the root; all others want it, whatever the method."""
    with asked(None, token=TOKEN) as client:
        for path in OPEN:
            assert client.get(path).status_code == 200
        for path in CLOSED:
            for method in ("GET", "POST", "DELETE"):
                answer = client.request(method, path)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert TOKEN not in answer.text
            assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code in (200, 405)
        answer = client.post("/predict", content=RED, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200


def test_an_error_that_nobody_foresaw_is_logged_and_not_told(
    client: AsgiClient, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Under the request id; the service goes on."""
    engine.error = ZeroDivisionError("/secret")
    answer = client.post("/predict", content=RED, headers={"X-Request-Id": "part-7"})
    assert (answer.status_code, answer.json()["code"]) == (500, "service.fault")
    assert "secret" not in answer.text
    assert "request part-7 failed" in caplog.text
    assert "ZeroDivisionError: /secret" in caplog.text
    engine.error = None
    assert client.post("/predict", content=RED).status_code == 200


def test_an_error_of_ours_is_answered_in_the_way_of_the_address(client: AsgiClient, engine: FakeEngine) -> None:
    """At `/run` as text, at `/predict` as a problem."""
    engine.error = RequestError("no", code="request.body")
    assert client.post("/run", content=RED).content == b"error : no [request.body]"
    assert client.post("/predict", content=RED).headers["content-type"] == "application/problem+json"


def test_requests_are_logged_where_it_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    """Method, path, status, time, id, device and stages on one line; else nothing is."""
    with caplog.at_level(logging.INFO, "andon.access"):
        with asked(None) as client:
            client.get("/live")
        assert caplog.messages == []
        with asked(None, access_log=True) as client:
            client.post("/predict", content=RED, headers={"X-Request-Id": "part-7"})
            client.get("/a%0Ab%1B%5B31m", headers={"Host": "x/y["})
    first, second = (message for message in caplog.messages if "HTTP Request" not in message)
    assert first.startswith("POST /predict 200 ")
    assert "part-7, cpu, read;dur=" in first
    assert second.startswith("GET /a%0Ab%1B%5B31m 404 ")
    assert second.isprintable()


def test_a_fault_of_the_model_is_logged(
    client: AsgiClient, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """The client hears its code only."""
    engine.answers = Prediction(error=Failure(code="runtime.run", message="/secret/conv.cc failed"))
    answer = client.post("/predict", content=RED)
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert "/secret/conv.cc failed" in caplog.text


def test_a_head_is_taken_as_it_came() -> None:
    """Repeated headers are joined; when it came is told by our protocol, and is now under any other server."""
    scope = {"type": "http", "headers": [(b"accept", b"a"), (b"x", b"\xff"), (b"accept", b"b")]}
    head = head_of(HttpRequest(scope))
    assert head.headers == {"accept": "a, b", "x": "ÿ"}
    assert head.received > 0
    assert head_of(HttpRequest({**scope, "state": {"received": 5.0}})).received == 5.0
