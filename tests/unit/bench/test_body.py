"""The body that `ab` posts."""

import base64
from email.parser import BytesParser

import pytest

from andon.bench.body import multipart_body
from andon.web.multipart import parse_multipart
from tests.support.bundles import colour_image, encode

FORM = "multipart/form-data; boundary=1234567890"


def test_the_body_is_exact() -> None:
    """Every character counts: CRLF everywhere, an empty line before the content, two hyphens at the end."""
    assert multipart_body(b"\xff\xd8\xff" + b"abc", "turtle.jpg") == (
        b"--1234567890\r\n"
        b'Content-Disposition: form-data; name="file"; filename="turtle.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n"
        b"Content-Transfer-Encoding: base64\r\n"
        b"\r\n"
        b"/9j/YWJj\r\n"
        b"--1234567890--\r\n"
    )


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 5000])
def test_the_service_reads_what_was_written(size: int) -> None:
    """The image comes out byte for byte, whatever its length."""
    image = bytes(number % 251 for number in range(size))
    (part,) = parse_multipart(FORM, multipart_body(image, "x.png"), max_parts=1)
    assert (part.name, part.data) == ("file", image)


def test_lines_are_short() -> None:
    """Base64 in a message has lines of at most 76 characters."""
    lines = multipart_body(bytes(5000), "x.png").split(b"\r\n")
    assert max(map(len, lines[5:])) == 76


@pytest.mark.parametrize(("form", "content_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("BMP", "image/bmp")])
def test_another_parser_understands_it(form: str, content_type: str) -> None:
    """The standard library's mail parser finds one part, with its type, name and content."""
    image = encode(colour_image((9, 9, 9)), form)
    message = BytesParser().parsebytes(b"Content-Type: " + FORM.encode() + b"\r\n\r\n" + multipart_body(image, "a.b"))
    (part,) = message.get_payload()
    assert part.get_content_type() == content_type
    assert part.get_param("name", header="Content-Disposition") == "file"
    assert part.get_filename() == "a.b"
    assert part.get_payload(decode=True) == image
    assert not message.defects
    assert not part.defects


def test_a_file_name_cannot_break_out() -> None:
    """Quotes and line breaks are escaped as browsers do; letters of any language are UTF-8."""
    body = multipart_body(b"x", 'a"\r\nX-Header: 1\r\n\r\n部件.jpg')
    assert b'filename="a%22%0D%0AX-Header: 1%0D%0A%0D%0A' + "部件.jpg".encode() + b'"\r\n' in body
    assert len(parse_multipart(FORM, body, max_parts=1)) == 1


def test_the_boundary_can_be_chosen() -> None:
    """`ab -T` must name the same one."""
    body = multipart_body(base64.b64decode("QUJD"), "x", "abc")
    assert body.startswith(b"--abc\r\n")
    assert body.endswith(b"\r\n--abc--\r\n")
