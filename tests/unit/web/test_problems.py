"""The status of each error, and what a client is told."""

import json

import pytest

from andon.errors import CODES, BundleError, ImageError
from andon.predictions import Failure
from andon.web.messages import Request
from andon.web.problems import STATUS, error_line, failure_of, problem, public_failure, status_of

REQUEST = Request(headers={}, request_id="id-1")
NOT_AN_IMAGE = Failure(
    code="image.format", message="not an image of a format that is taken", hint="send the file itself"
)


def test_every_code_that_can_reach_a_client_has_a_status() -> None:
    """Images, requests and the service itself are the client's to see, and a model that fails on an image."""
    families = ("image", "request", "engine", "service", "upstream")
    reaching = {code for code in CODES if code.split(".")[0] in families}
    assert set(STATUS) == reaching | {"runtime.run", "runtime.output", "code.run"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("image.format", 400),
        ("image.truncated", 400),
        ("request.file", 400),
        ("image.bytes", 413),
        ("image.pixels", 413),
        ("request.bytes", 413),
        ("request.images", 413),
        ("request.media_type", 415),
        ("request.token", 401),
        ("request.model", 404),
        ("request.method", 405),
        ("request.timeout", 408),
        ("engine.full", 429),
        ("request.head", 431),
        ("engine.closed", 503),
        ("engine.quarantine", 500),
        ("engine.worker", 503),
        ("engine.deadline", 504),
        ("service.unready", 503),
        ("runtime.run", 500),
        ("bundle.digest", 500),
    ],
)
def test_the_status_says_whose_fault_it_is(code: str, status: int) -> None:
    """4xx is the request, 5xx the service; a code that clients should never meet is the service's."""
    assert status_of(code) == status


def test_text_is_one_line_with_the_code() -> None:
    """What is wrong, what to do, and the code, without a newline at the end; the hint may be missing."""
    assert (
        error_line(NOT_AN_IMAGE)
        == "error : not an image of a format that is taken; send the file itself [image.format]"
    )
    assert error_line(Failure(code="service.fault", message="no")) == "error : no [service.fault]"


def test_line_breaks_in_a_message_are_taken_out() -> None:
    """A message cannot pretend to be a second answer."""
    forged = Failure(code="image.truncated", message="damaged\r\nresult : ok\u2028result : ok", hint="a\nb")
    assert error_line(forged) == "error : damaged result : ok result : ok; a b [image.truncated]"


def test_json_is_a_problem_of_rfc_9457() -> None:
    """Type, title, status and detail of the standard, with our code, hint and request id."""
    response = problem(NOT_AN_IMAGE, REQUEST)
    assert response.status == 400
    assert response.content_type == "application/problem+json"
    assert json.loads(response.body) == {
        "type": "urn:andon:error:image.format",
        "title": "The bytes are not an image of a format, or of a kind of it, that is taken.",
        "status": 400,
        "detail": "not an image of a format that is taken",
        "code": "image.format",
        "hint": "send the file itself",
        "request_id": "id-1",
    }


def test_where_it_happened_stays_here() -> None:
    """Where an error happened may be a path, and no client sees it."""
    error = ImageError("cannot be read: No such file", code="image.missing", where="/secret/part.png")
    assert b"secret" not in problem(failure_of(error), REQUEST).body


@pytest.mark.parametrize("code", ["runtime.run", "service.fault", "proof.failed"])
def test_of_a_fault_only_the_code_is_told(code: str) -> None:
    """Messages of libraries and of bundles may hold paths; the log has them, under the request id."""
    body = problem(Failure(code=code, message="/secret/model.cc:7 failed", hint="/secret"), REQUEST).body
    assert b"secret" not in body
    assert b"id-1" in body


def test_a_code_that_clients_do_not_know_becomes_a_fault() -> None:
    """The inner errors of a service are not its interface."""
    error = BundleError("the digest differs", code="bundle.digest", where="x.andon")
    assert public_failure(failure_of(error), REQUEST).code == "service.fault"
    assert problem(failure_of(error), REQUEST).status == 500
