"""What an answer is taken for."""

import httptools
import pytest

from andon.bench.outcome import (
    CLOSED,
    OK,
    REFUSED,
    RESET,
    UNREACHABLE,
    WRONG_BODY,
    WRONG_LABEL,
    connection_error,
    http_error,
    read_answer,
    stage_times,
)
from andon.web.timing import STAGES as SERVED_STAGES
from andon.web.timing import server_timing
from tests.support.unreliable import prediction


def test_a_good_answer_is_good_with_its_label() -> None:
    """Also where it is not known what to expect, and where there is no label because nothing was found."""
    assert read_answer(200, prediction("a"), "a") == (OK, "a")
    assert read_answer(200, prediction("a"), None) == (OK, "a")
    assert read_answer(200, prediction(None), "") == (OK, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (prediction("b"), WRONG_LABEL),
        (b"", WRONG_BODY),
        (b"result : a", WRONG_BODY),
        (b'{"predictions": []}', WRONG_BODY),
        (b'{"predictions": [{"label": "a"}, {"label": "a"}]}', WRONG_BODY),
        (prediction("a", error={"code": "image.truncated"}), WRONG_BODY),
        (b"\xff\xfe", WRONG_BODY),
    ],
)
def test_an_answer_of_200_is_believed_only_where_it_holds_the_prediction(body: bytes, kind: str) -> None:
    """One prediction for the one image, without an error, and with the label that the image had before."""
    assert read_answer(200, body, "a")[0] == kind


def test_an_error_is_named_by_its_status_and_our_stable_code() -> None:
    """A code that is none of the form of ours, as another program might send, is left out."""
    assert read_answer(504, b'{"code": "engine.deadline"}', "a") == ("504 engine.deadline", "")
    assert [http_error(503, body) for body in (b"", b"<p>", b"[]", b'{"code": "No Way!"}', b'{"code": 5}')] == [
        "503"
    ] * 5


def test_the_end_of_a_connection_has_a_name() -> None:
    """Refused, reset, ended without an error, and whatever else the system says."""
    errors = (ConnectionRefusedError(), ConnectionResetError(), BrokenPipeError(), None, OSError("no route"))
    assert [connection_error(error) for error in errors] == [REFUSED, RESET, RESET, CLOSED, UNREACHABLE]
    assert connection_error(httptools.HttpParserError("x")) == UNREACHABLE


def test_the_stages_are_those_that_our_service_tells() -> None:
    """Names and order are written down on both sides, for the client knows nothing of the web package."""
    header = server_timing([{"decode": 1.0, "infer": 5.0}], read_ms=0.5, total_ms=7.0).encode()
    assert dict(zip(SERVED_STAGES, stage_times(header) or (), strict=True)) == {
        "read": 0.5,
        "queue": 0.5,
        "decode": 1.0,
        "prepare": 0.0,
        "infer": 5.0,
        "finish": 0.0,
    }


@pytest.mark.parametrize("header", [b"", b"cache", b"db;dur=5", b"infer;dur=1.2.3", b"infer;dur=."])
def test_a_header_of_somebody_else_tells_nothing(header: bytes) -> None:
    """No stage of ours, or no number."""
    assert stage_times(header) is None
