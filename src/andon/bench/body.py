"""The request body that `ab -p` posts: a form with one image in base64."""

import base64

from andon.vision.formats import find_format

_LINE_CHARACTERS = 76
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def multipart_body(image: bytes, filename: str, boundary: str = "1234567890") -> bytes:
    """
    Make a body of `multipart/form-data` with one field `file`.

    Args:
        image: The encoded image; the content type is read from its first bytes.
        filename: The name to send; it may hold any character.
        boundary: What `ab -T` names in the content type. No line of base64 can be taken for it.

    Returns:
        The body; its lines end with CRLF, the last one included, and those of base64 are of at
        most 76 characters.

    Source:
        RFC 7578; RFC 2045, section 6.8, for the length of the lines; the escapes in the name are
        those of browsers, https://html.spec.whatwg.org/#multipart-form-data.
    """
    form = find_format(image)
    encoded = base64.b64encode(image).decode()
    lines = [
        f"--{boundary}",
        f'Content-Disposition: form-data; name="file"; filename="{filename.translate(_ESCAPES)}"',
        f"Content-Type: {form.media_type if form else 'application/octet-stream'}",
        "Content-Transfer-Encoding: base64",
        "",
        *(encoded[start : start + _LINE_CHARACTERS] for start in range(0, len(encoded) or 1, _LINE_CHARACTERS)),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()
