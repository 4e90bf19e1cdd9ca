"""What every dialect asks of a body before it looks for images in it, and how it reads JSON."""

from functools import cache
from typing import Any

import msgspec

from andon.bundle.json_text import explain_field, explain_syntax
from andon.errors import RequestError
from andon.settings.limits import Limits
from andon.web.messages import Request


def require_uncompressed(request: Request) -> None:
    """
    Refuse a compressed body: it would be taken for a damaged image, or blown up.

    Raises:
        RequestError: `request.media_type`.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RequestError("the body is compressed, expected it as it is", code="request.media_type")


def over_the_limit(limit_bytes: int) -> RequestError:
    """Make the error for a body of more bytes than are taken."""
    return RequestError(
        f"the body has more than {limit_bytes} bytes, which is the limit",
        code="request.bytes",
        hint="send fewer or smaller images",
    )


def require_images(count: int, limits: Limits, *, hint: str = "") -> None:
    """
    Refuse a request without images, or with more than are taken at once.

    Args:
        count: Of the images that the request says it holds, 0 or more.
        limits: `max_images` is applied.
        hint: How an image is sent in this dialect.

    Raises:
        RequestError: `request.file` or `request.images`.
    """
    if not count:
        raise RequestError("the request holds no image", code="request.file", hint=hint)
    if count > limits.max_images:
        raise RequestError(
            f"the request holds {count} images, at most {limits.max_images} are allowed",
            code="request.images",
            hint="send several requests",
        )


def read_json(text: bytes | msgspec.Raw, kind: Any, what: str, *, code: str = "request.body", hint: str = "") -> Any:
    """
    Read a JSON text as a type.

    Args:
        text: Of any size and content; it is not copied, unless it is refused.
        kind: The type.
        what: What the text is, as the beginning of a message.
        code: Of a text that is JSON, but not of the type.
        hint: What to send; where it is empty, what may be guessed from the text.

    Raises:
        RequestError: `code`, with the path of the field at fault; `request.body`: it is not JSON.
    """
    try:
        return _decoder(kind).decode(memoryview(text))
    except msgspec.ValidationError as error:
        fault = explain_field(bytes(text), kind, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault, code = explain_syntax(bytes(text), error), "request.body"
    raise RequestError(f"{what}: {fault.message}", code=code, hint=hint or fault.hint)


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Make the decoder of a type once; there are a few, and of a union it would be made anew each time."""
    return msgspec.json.Decoder(kind)
