"""One request, one answer, whatever happens."""

import logging
import re
import time
from collections.abc import Callable

import msgspec
import pytest

from andon.errors import BundleError, ProofError, RequestError, RuntimeFault
from andon.model.model import Model, Opened
from andon.model.null import null_model
from andon.model.steps import Steps
from andon.predictions import Failure, Prediction
from andon.settings.limits import Limits
from andon.tensors import FloatArray, UInt8Array
from andon.web.answer import UNREADY, answer_with_model, compose, refuse
from andon.web.dialects.base import Call
from andon.web.dialects.classify import PREDICT, RUN
from andon.web.messages import ModelFacts, Request
from tests.support.bundles import colour_image, encode
from tests.support.forms import FORM, field, form

PNG = encode(colour_image((200, 40, 40)))
REQUEST = Request(headers={"content-type": "image/png"}, request_id="id-1")


class FailingSession:
    """A session that fails as a runtime does."""

    input_shape: tuple[int, int, int] | None = None

    def run(self, batch: UInt8Array) -> FloatArray:
        """Raise the runtime's error."""
        raise RuntimeFault("/secret/conv.cc:7 failed", code="runtime.run")


def failing_model() -> Model:
    """Make a model whose runtime fails on every image."""
    sound = null_model()
    opened = Opened(
        execution=sound.execution,
        session=FailingSession(),
        steps=Steps(sound.manifest.input, sound.manifest.output),
        proof=None,
    )
    return Model(sound.manifest, sound.digest, opened)


def raising(error: Exception) -> Callable[..., Model]:
    """Make a function that raises."""

    def fail(*_: object) -> Model:
        raise error

    return fail


def test_a_request_is_answered_by_the_model() -> None:
    """The body is read, the image decoded, the label answered."""
    response = answer_with_model(RUN, REQUEST, lambda _: PNG, null_model)
    assert (response.status, response.body) == (200, b"result : null")


def test_headers_say_which_model_answered_and_where_the_time_went() -> None:
    """With the request id; the stages of several images add up to the time since the head came."""
    model = null_model()
    request = msgspec.structs.replace(REQUEST, headers={"content-type": FORM}, received=time.perf_counter())
    headers = answer_with_model(PREDICT, request, lambda _: form([field(PNG)] * 3), lambda: model).headers
    assert list(headers) == [
        *("X-Request-Id", "X-Device", "X-Model-Name", "X-Model-Version", "X-Model-Digest", "Server-Timing")
    ]
    assert (headers["X-Request-Id"], headers["X-Model-Name"]) == ("id-1", "null")
    assert (headers["X-Model-Version"], headers["X-Model-Digest"]) == (model.version, model.digest)
    stages = re.findall(r"(\w+);dur=([\d.]+)", headers["Server-Timing"])
    assert [stage for stage, _ in stages] == ["read", "queue", "decode", "prepare", "infer", "finish"]
    since_ms = (time.perf_counter() - request.received) * 1e3
    assert 0 < sum(float(duration) for _, duration in stages) < since_ms


@pytest.mark.parametrize("code", ["engine.full", "engine.closed", "service.unready", "service.connections"])
def test_who_may_come_again_is_told_when(code: str) -> None:
    """Whether the request is refused, or its one image; of several images each has its own error."""
    failure = Failure(code=code, message="no")
    assert refuse(PREDICT, failure, REQUEST).headers["Retry-After"] == "1"
    failed = Prediction(error=failure)
    call = Call(images=[PNG])
    facts = ModelFacts(name="m", version="v", digest="d")
    composed = [compose(PREDICT, [failed] * n, call, facts, REQUEST, read_at=0.0).headers for n in (1, 2)]
    assert ["Retry-After" in headers for headers in composed] == [True, False]


def test_a_missing_token_is_asked_for() -> None:
    """By the header that HTTP has for it; further headers are kept."""
    response = refuse(PREDICT, Failure(code="request.token", message="no"), REQUEST, {"Allow": "GET"})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert (response.headers["Allow"], response.headers["X-Request-Id"]) == ("GET", "id-1")
    assert "Retry-After" in refuse(PREDICT, UNREADY, REQUEST).headers


def test_the_body_is_bounded_by_the_limits_of_the_model() -> None:
    """What the model's limits say is what may be read."""
    asked = []
    model = null_model()
    model.limits = Limits(max_body_bytes=1234, max_image_bytes=10)

    def read(limit_bytes: int) -> bytes:
        asked.append(limit_bytes)
        return PNG

    response = answer_with_model(RUN, REQUEST, read, lambda: model)
    assert asked == [1234]
    assert response.status == 413


def test_a_refused_body_is_answered() -> None:
    """An error while reading is the client's to hear."""
    error = RequestError("the body has more than 5 bytes", code="request.bytes")
    response = answer_with_model(RUN, REQUEST, raising(error), null_model)  # type: ignore[arg-type] # it never returns
    assert response.status == 413
    assert response.body == b"error : the body has more than 5 bytes [request.bytes]"


@pytest.mark.parametrize(
    "error",
    [
        BundleError("there is no such file", code="bundle.missing", where="/secret/x.andon"),
        ProofError("the golden samples are not reproduced", code="proof.failed", where="/secret"),
    ],
)
def test_without_a_model_the_service_is_not_ready(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """503, with the reason in the log and not in the answer."""
    response = answer_with_model(RUN, REQUEST, lambda _: PNG, raising(error))
    assert response.status == 503
    assert b"service.unready" in response.body
    assert b"secret" not in response.body
    assert "/secret" in caplog.text
    assert "id-1" in caplog.text


def test_a_model_that_fails_is_a_fault_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets the code and the request id; the log the message."""
    response = answer_with_model(RUN, REQUEST, lambda _: PNG, failing_model)
    assert response.status == 500
    assert b"secret" not in response.body
    assert b"[runtime.run]" in response.body
    assert "request id-1: [runtime.run] /secret/conv.cc:7 failed" in caplog.text


@pytest.mark.parametrize("at", ["model", "body"])
def test_whatever_else_happens_is_a_fault_without_a_traceback(at: str, caplog: pytest.LogCaptureFixture) -> None:
    """An exception that nobody foresaw is logged with its traceback, and answered without."""
    fail = raising(ZeroDivisionError("/secret"))
    with caplog.at_level(logging.ERROR):
        response = answer_with_model(
            RUN,
            REQUEST,
            fail if at == "body" else lambda _: PNG,  # type: ignore[arg-type] # it never returns
            fail if at == "model" else null_model,
        )
    assert response.status == 500
    assert response.headers["X-Request-Id"] == "id-1"
    assert b"service.fault" in response.body
    assert b"id-1" in response.body
    assert b"secret" not in response.body
    assert "ZeroDivisionError: /secret" in caplog.text
