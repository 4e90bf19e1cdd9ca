"""Forms become their parts, in memory and within bounds."""

import base64
import contextlib
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import RequestError
from andon.web.multipart import MAX_PART_HEADER_BYTES, MAX_PART_HEADERS, Part, parse_multipart
from tests.support.forms import BOUNDARY, FORM, field, form

IMAGE = bytes(range(256)) * 3 + b"\r\n--12345678\r\n--"


def refusal(body: bytes, content_type: str = FORM, max_parts: int = 4) -> RequestError:
    """Parse a body that must be refused."""
    with pytest.raises(RequestError) as caught:
        parse_multipart(content_type, body, max_parts=max_parts)
    return caught.value


def test_parts_come_in_the_order_sent() -> None:
    """Names and every byte are kept; a part may be empty."""
    body = form([field(IMAGE), field(b"", "other", None), field(b"x" * 70_000)])
    assert parse_multipart(FORM, body, max_parts=3) == [
        Part(name="file", data=IMAGE),
        Part(name="other", data=b""),
        Part(name="file", data=b"x" * 70_000),
    ]


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_any_content_survives(contents: list[bytes]) -> None:
    """Whatever bytes a part holds, they come out; only the boundary itself may not occur."""
    contents = [data.replace(BOUNDARY.encode(), b"") for data in contents]
    parts = parse_multipart(FORM, form([field(data) for data in contents]), max_parts=4)
    assert [part.data for part in parts] == contents


def test_a_form_without_parts_has_none() -> None:
    """The closing boundary alone is a form."""
    assert parse_multipart(FORM, form([]), max_parts=1) == []


@pytest.mark.parametrize("boundary", ["x", '"with spaces"', "----WebKitFormBoundary7MA4YWxk", "a" * 70])
def test_the_boundary_is_that_of_the_content_type(boundary: str) -> None:
    """Quoted, long and short ones work, beside other parameters."""
    body = form([field(IMAGE)], boundary.strip('"'))
    (part,) = parse_multipart(f"Multipart/Form-Data; charset=utf-8; boundary={boundary}", body, max_parts=1)
    assert part.data == IMAGE


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""']
)
def test_a_missing_boundary_is_explained(content_type: str) -> None:
    """It is what happens to who sets the header by hand."""
    error = refusal(form([field(IMAGE)]), content_type)
    assert error.code == "request.body"
    assert "names no boundary" in error.message
    assert "let the client make the header" in error.hint


@pytest.mark.parametrize(
    "content_type", [FORM + "0", "multipart/form-data; boundary=" + "b" * 300, "multipart/form-data; boundary=日本"]
)
def test_another_boundary_is_refused(content_type: str) -> None:
    """A body that the content type does not fit is no form."""
    assert refusal(form([field(IMAGE)]), content_type).code == "request.body"


def test_base64_is_decoded() -> None:
    """A part that says so is decoded, in one line or several, whatever white space is in it."""
    encoded = base64.b64encode(IMAGE)
    lines = b"\r\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76))
    for payload in (encoded, lines, encoded.replace(b"A", b"A \t\n"), b"\r\n" + encoded + b"\r\n\r\n"):
        for header in ("Content-Transfer-Encoding: base64", "content-transfer-encoding:BASE64 "):
            (part,) = parse_multipart(FORM, form([field(payload, "file", "x.jpg", header)]), max_parts=1)
            assert part.data == IMAGE


@pytest.mark.parametrize("payload", [b"%%%%", b"QUJ", b"QU=D", b"QUJDRA", b"QUJ\xff", b"data:image/png;base64,QUJD"])
def test_base64_that_cannot_be_decoded_is_refused(payload: bytes) -> None:
    """Nothing is guessed: no padding is added, no foreign character skipped."""
    error = refusal(form([field(payload, "file", "x.jpg", "Content-Transfer-Encoding: base64")]))
    assert error.code == "request.body"
    assert "base64" in error.message
    assert "andon bench body" in error.hint


def test_a_form_that_was_typed_by_hand_may_end_its_lines_with_lf() -> None:
    """Editors do; such a form is text, so no image can be meant by its line ends."""
    typed = (
        f'--{BOUNDARY}\nContent-Disposition: form-data; name="file"; filename="x.jpg"\n'
        f"Content-Transfer-Encoding: base64\n\n{base64.b64encode(IMAGE).decode()}\n--{BOUNDARY}--\n"
    )
    (part,) = parse_multipart(f"multipart/form-data; boundary={BOUNDARY}", typed.encode(), max_parts=4)
    assert part == Part(name="file", data=IMAGE)


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7bit", "Binary"])
def test_other_encodings_leave_the_bytes(encoding: str) -> None:
    """These three change nothing."""
    (part,) = parse_multipart(
        FORM, form([field(IMAGE, "file", "x", f"Content-Transfer-Encoding: {encoding}")]), max_parts=1
    )
    assert part.data == IMAGE


def test_an_unknown_encoding_is_named() -> None:
    """Quoted-printable is not for images."""
    error = refusal(form([field(IMAGE, "file", "x", "Content-Transfer-Encoding: quoted-printable")]))
    assert "'quoted-printable'" in error.message


def test_a_body_that_ends_early_is_refused_wherever_it_ends() -> None:
    """No prefix of a form is taken for the whole of it."""
    body = form([field(b"abc"), field(b"def", "file", "y", "Content-Type: image/png")])
    whole = body.removesuffix(b"\r\n")
    for end in range(len(whole)):
        assert refusal(body[:end]).code == "request.body"
    assert len(parse_multipart(FORM, whole, max_parts=2)) == 2


def test_too_many_parts_are_refused() -> None:
    """Parsing stops at the first one beyond the limit."""
    error = refusal(form([field(b"x")] * 5), max_parts=4)
    assert error.code == "request.images"
    assert "more than 4" in error.message
    assert len(parse_multipart(FORM, form([field(b"x")] * 4), max_parts=4)) == 4


@pytest.mark.parametrize(
    "headers",
    [
        [f"X-{number}: y" for number in range(MAX_PART_HEADERS)],
        ["X: " + "y" * MAX_PART_HEADER_BYTES],
        ["X" * MAX_PART_HEADER_BYTES + ": y"],
        ["no colon"],
        [": no name"],
        ["Bad\0Name: x"],
    ],
)
def test_headers_of_a_part_are_bounded(headers: list[str]) -> None:
    """Number, length and characters have limits."""
    assert refusal(form([field(b"x", "file", "x", *headers)])).code == "request.body"


@pytest.mark.parametrize(
    "part",
    [
        b"\r\nx",
        b"Content-Type: image/png\r\n\r\nx",
        b"Content-Disposition: form-data\r\n\r\nx",
        b'Content-Disposition: attachment; name="file"\r\n\r\nx',
        b'Content-Disposition: form-data; filename="x.png"\r\n\r\nx',
    ],
)
def test_a_part_without_a_name_is_refused(part: bytes) -> None:
    """The message counts the parts, and the hint shows the header."""
    error = refusal(form([field(b"x"), part]))
    assert "part 2 of the form has no name" in error.message
    assert 'name="file"' in error.hint


def test_names_are_text_whatever_the_bytes() -> None:
    """UTF-8 is read, other bytes are replaced."""
    good, bad = form([field(b"x", "文件")]), form([field(b"x", "@@")]).replace(b"@@", b"\xff\xfe")
    assert parse_multipart(FORM, good, max_parts=1)[0].name == "文件"
    assert parse_multipart(FORM, bad, max_parts=1)[0].name == "��"


@given(st.binary(max_size=300), st.booleans())
def test_rubbish_is_only_ever_refused(rubbish: bytes, inside: bool) -> None:  # noqa: FBT001 -- hypothesis passes it by name
    """Nothing but RequestError comes out, whatever goes in."""
    body = b"--" + BOUNDARY.encode() + b"\r\n" + rubbish if inside else rubbish
    with contextlib.suppress(RequestError):
        parse_multipart(FORM, body, max_parts=2)


def test_a_mistake_of_a_client_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log is for the service; whoever sends rubbish cannot fill it."""
    with caplog.at_level(logging.DEBUG):
        refusal(b"--" + BOUNDARY.encode() + b"X\r\n")
    assert caplog.records == []
