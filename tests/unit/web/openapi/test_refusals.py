"""What an operation answers where it comes to nothing."""

from andon.errors import CODES
from andon.web.openapi.refusals import ANYWHERE, REASONS, refusals
from andon.web.problems import STATUS

PROBLEM = "application/problem+json"


def codes(answer: dict[str, object]) -> list[str]:
    """Give the codes that a problem may have."""
    content = answer["content"]
    assert isinstance(content, dict)
    found: list[str] = content[PROBLEM]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    return found


def test_codes_are_sorted_by_their_status() -> None:
    """Each code is told under its status, the statuses in their order."""
    described = refusals(["engine.full", "image.format", "request.file"])
    assert list(described) == sorted(described)
    assert codes(described["400"]) == ["image.format", "request.file", "request.http"]
    assert codes(described["429"]) == ["engine.full"]


def test_what_every_address_can_answer_is_always_there() -> None:
    """A head that is too large meets every operation."""
    assert set(refusals(())) == {str(STATUS[code]) for code in ANYWHERE}


def test_a_code_is_explained_by_its_sentence() -> None:
    """The sentences are those of the table of codes."""
    assert f"- `engine.full`: {CODES['engine.full']}" in refusals(["engine.full"])["429"]["description"]


def test_a_status_has_the_headers_that_it_comes_with() -> None:
    """Who is told to wait is told how long; who lacks the token is told how to send it."""
    described = refusals(["engine.full", "request.token"])
    assert "Retry-After" in described["429"]["headers"]
    assert "Retry-After" in described["503"]["headers"]
    assert "WWW-Authenticate" in described["401"]["headers"]
    assert list(described["400"]["headers"]) == ["X-Request-Id"]


def test_a_form_of_its_own_comes_beside_problems() -> None:
    """What is refused before the address is known is a problem in every dialect."""
    described = refusals(["image.format"], {"text/plain": {"schema": {"type": "string"}}})
    assert list(described["400"]["content"]) == ["text/plain", PROBLEM]


def test_every_status_has_a_reason() -> None:
    """A new status of a code is a new reason here; 405 is told once for all addresses, and a proxy answers 502."""
    assert set(REASONS) == set(STATUS.values()) - {405, 502}
