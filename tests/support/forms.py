"""Forms as clients send them, made without the code that is tested."""

from collections.abc import Iterable

BOUNDARY = "1234567890"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def field(data: bytes, name: str = "file", filename: str | None = "part.png", *headers: str) -> bytes:
    """Make one part of a form, without its boundary."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    return "\r\n".join([disposition, *headers, "", ""]).encode() + data


def form(parts: Iterable[bytes], boundary: str = BOUNDARY) -> bytes:
    """Join parts to the body of a form."""
    delimiter = f"--{boundary}".encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"
