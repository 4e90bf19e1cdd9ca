"""What operations share."""

from andon.settings.serve import ServeSettings
from andon.web.openapi.components import ANSWER_HEADERS, components
from andon.web.openapi.document import openapi_document
from andon.web.timing import server_timing
from tests.support.documents import errors

DOCUMENT = openapi_document(ServeSettings())
HEADERS = DOCUMENT["components"]["headers"]


def test_the_header_of_times_fits() -> None:
    """What is sent is described; a time below nothing is not."""
    schema = HEADERS["Server-Timing"]["schema"]
    assert errors(schema, server_timing([{"infer": 2.0}], read_ms=0.1, total_ms=3.0), DOCUMENT) == []
    assert errors(schema, "read;dur=0.389, queue;dur=-0.000", DOCUMENT)


def test_work_that_took_all_the_time_leaves_no_less_than_none() -> None:
    """Rounding does not become a negative time of queueing."""
    timings = [{"decode": 0.1, "prepare": 0.2, "infer": 0.3, "finish": share} for share in (0.1, 0.7, 1.1, 3.3)]
    for total_ms in (0.3, 0.7, 1.1, 2.3):
        assert "-" not in server_timing(timings, read_ms=0.1, total_ms=total_ms)


def test_an_answer_names_its_model_and_its_time() -> None:
    """All of these headers are described, and promised, but for the device of images that were not computed."""
    assert set(ANSWER_HEADERS) == {
        *("X-Request-Id", "X-Device", "Server-Timing", "X-Model-Name", "X-Model-Version", "X-Model-Digest")
    }
    assert [name for name in ANSWER_HEADERS if not HEADERS[name]["required"]] == ["X-Device"]


def test_a_token_is_described_where_there_is_one() -> None:
    """As a bearer token."""
    assert "securitySchemes" not in components(ServeSettings())
    with_token = components(ServeSettings(token="t" * 16))
    assert with_token["securitySchemes"]["token"]["scheme"] == "bearer"


def test_the_deadline_is_described_with_its_bounds() -> None:
    """10 ms to ten minutes, and what holds without the header."""
    deadline = components(ServeSettings(deadline_ms=1234))["parameters"]["X-Deadline-Ms"]
    assert deadline["schema"] == {"type": "integer", "minimum": 10, "maximum": 600_000}
    assert "1234" in deadline["description"]
