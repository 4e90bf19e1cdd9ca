"""One request, one answer, whatever happens."""

import logging
from collections.abc import Callable

import pytest

from andon.errors import BundleError, ProofError, RequestError, RuntimeFault
from andon.model.model import Model
from andon.model.null import null_model
from andon.settings import Limits
from andon.tensors import FloatArray, UInt8Array
from andon.web.answer import answer_run
from andon.web.messages import Request
from tests.support.bundles import colour_image, encode

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
    return Model(sound.manifest, sound.digest, sound.execution, FailingSession(), None)


def raising(error: Exception) -> Callable[..., Model]:
    """Make a function that raises."""

    def fail(*_: object) -> Model:
        raise error

    return fail


def test_a_request_is_answered_by_the_model() -> None:
    """The body is read, the image decoded, the label answered."""
    response = answer_run(REQUEST, lambda _: PNG, null_model)
    assert (response.status, response.body) == (200, b"result : null")


def test_the_body_is_bounded_by_the_limits_of_the_model() -> None:
    """What the model's limits say is what may be read."""
    asked = []
    model = null_model()
    model.limits = Limits(max_body_bytes=1234, max_image_bytes=10)

    def read(limit_bytes: int) -> bytes:
        asked.append(limit_bytes)
        return PNG

    response = answer_run(REQUEST, read, lambda: model)
    assert asked == [1234]
    assert response.status == 413


def test_a_refused_body_is_answered() -> None:
    """An error while reading is the client's to hear."""
    error = RequestError("the body has more than 5 bytes", code="request.bytes")
    response = answer_run(REQUEST, raising(error), null_model)  # type: ignore[arg-type] # it never returns
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
    response = answer_run(REQUEST, lambda _: PNG, raising(error))
    assert response.status == 503
    assert b"service.unready" in response.body
    assert b"secret" not in response.body
    assert "/secret" in caplog.text
    assert "id-1" in caplog.text


def test_a_model_that_fails_is_a_fault_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets the code and the request id; the log the message."""
    response = answer_run(REQUEST, lambda _: PNG, failing_model)
    assert response.status == 500
    assert b"secret" not in response.body
    assert b"[runtime.run]" in response.body
    assert "request id-1: [runtime.run] /secret/conv.cc:7 failed" in caplog.text


@pytest.mark.parametrize("at", ["model", "body"])
def test_whatever_else_happens_is_a_fault_without_a_traceback(at: str, caplog: pytest.LogCaptureFixture) -> None:
    """An exception that nobody foresaw is logged with its traceback, and answered without."""
    fail = raising(ZeroDivisionError("/secret"))
    with caplog.at_level(logging.ERROR):
        response = answer_run(
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
