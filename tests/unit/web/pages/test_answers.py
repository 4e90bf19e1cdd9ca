"""The answers that bring the page to a browser."""

import pytest

from andon.web.messages import Request, Response
from andon.web.pages.answers import CONTENT_SECURITY_POLICY, answer_page, answer_static
from andon.web.pages.static_files import static_file


def request(**headers: str) -> Request:
    """Make a request with headers, whose names have underscores for hyphens."""
    return Request(headers={name.replace("_", "-"): value for name, value in headers.items()}, request_id="id-1")


def page(asked: str | None = None, **headers: str) -> Response:
    """Ask for the page."""
    return answer_page(request(**headers), asked_language=asked, max_image_bytes=1)


@pytest.mark.parametrize(
    ("asked", "accept", "tag"), [(None, "zh", "zh-CN"), ("en", "zh", "en"), ("zh", "", "zh-CN"), (None, "", "en")]
)
def test_the_page_comes_in_the_language_of_the_visitor(asked: str | None, accept: str, tag: str) -> None:
    """Asked for, else preferred; the headers say which it is and on what that depends."""
    answer = page(asked, accept_language=accept)
    assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8")
    assert f'<html lang="{tag}">'.encode() in answer.body
    assert answer.headers["Content-Language"] == tag
    assert answer.headers["Vary"] == "Accept, Accept-Language"


def test_the_page_may_load_itself_and_nothing_else() -> None:
    """The policy starts from nothing and allows no inline code, no other host and no frame."""
    assert page().headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    allowed = {word for name, words in rules.items() for word in words.split() if words != "'none'"}
    assert allowed == {"'self'", "blob:"}


def test_the_page_may_use_the_camera_and_tells_nobody_where_it_is() -> None:
    """Only the camera, only here; no address is passed on, no type is guessed, nothing old is shown."""
    headers = page().headers
    assert headers["Permissions-Policy"] == "camera=(self), geolocation=(), microphone=()"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Request-Id"] == "id-1"


def test_a_file_comes_with_its_type_and_its_tag() -> None:
    """A browser keeps it, and asks whether it still holds."""
    answer = answer_static("main.js", request())
    found = static_file("main.js")
    assert found is not None
    assert (answer.status, answer.body, answer.content_type) == (200, found.body, "text/javascript; charset=utf-8")
    assert answer.headers["ETag"] == found.etag
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_browser_that_has_the_file_is_told_so(form: str) -> None:
    """304 and no body, where the tag is among those it has, weak ones included."""
    found = static_file("main.js")
    assert found is not None
    answer = answer_static("main.js", request(if_none_match=form.format(found.etag)))
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", found.etag)


@pytest.mark.parametrize("tag", ['"other"', "", "main.js"])
def test_a_browser_with_an_old_file_gets_the_new_one(tag: str) -> None:
    """Any other tag brings the file."""
    assert answer_static("main.js", request(if_none_match=tag)).status == 200


def test_a_file_that_does_not_exist_is_a_problem() -> None:
    """404, with the code that other addresses without anything have."""
    answer = answer_static("../page.py", request(accept="application/json"))
    assert answer.status == 404
    assert b'"request.path"' in answer.body
