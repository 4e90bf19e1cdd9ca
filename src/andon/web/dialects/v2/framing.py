"""
The binary tensor extension: a body is JSON with the bytes of tensors behind it.

Source:
    https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md
"""

from collections.abc import Sequence

from andon.errors import RequestError
from andon.web.messages import Request, whole_number

HEADER = "Inference-Header-Content-Length"
"""How many bytes of the body are JSON; without it all of them are, and 0 stands for a body that is one image."""
_LENGTH_BYTES = 4


def is_raw(request: Request) -> bool:
    """Ask whether the body is the image itself, without any JSON."""
    return _json_bytes(request) == 0


def split_body(request: Request) -> tuple[bytes, memoryview]:
    """
    Divide a body into its JSON and what stands behind it, which is not copied.

    Raises:
        RequestError: `request.header`: the length of the JSON is no number of bytes, or more than the body has.
    """
    json_bytes = _json_bytes(request)
    return request.body[:json_bytes], memoryview(request.body)[json_bytes:]


def _json_bytes(request: Request) -> int:
    text = request.headers.get(HEADER.lower())
    if text is None:
        return len(request.body)
    json_bytes = whole_number(text, max_digits=19)
    if json_bytes is None or json_bytes > len(request.body):
        raise RequestError(
            f"{HEADER} is {text[:40]!r}, expected the bytes of the JSON, at most the {len(request.body)} of the body",
            code="request.header",
        )
    return json_bytes


def split_elements(data: memoryview, count: int) -> list[bytes]:
    """
    Divide the bytes of a BYTES tensor into its elements.

    Args:
        data: For each element its length as unsigned 32-bit integer, little-endian, then its bytes.
        count: Of elements; all of `data` must belong to them.

    Raises:
        RequestError: `request.tensor`.
    """
    elements, position = [], 0
    for index in range(count):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "little")
        if position > len(data):
            raise _misfit(f"element {index + 1} of {count} needs {position} bytes up to its end", len(data))
        elements.append(bytes(data[start:position]))
    if position != len(data):
        raise _misfit(f"its {count} elements end after {position} bytes", len(data))
    return elements


def _misfit(what: str, size_bytes: int) -> RequestError:
    return RequestError(
        f"the binary tensor does not fit its shape: {what}, the tensor has {size_bytes}",
        code="request.tensor",
        hint="each element is its length, 4 bytes with the lowest first, then its bytes",
    )


def join_elements(elements: Sequence[bytes]) -> bytes:
    """Make the bytes of a BYTES tensor, as `split_elements` takes them."""
    return b"".join(len(element).to_bytes(_LENGTH_BYTES, "little") + element for element in elements)
