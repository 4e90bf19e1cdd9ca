"""Ask a service on this machine over HTTP, with the standard library alone. It knows nothing of models."""

import contextlib
import http.client
import uuid
from typing import NamedTuple

HOST = "127.0.0.1"
_TIMEOUT_S = 60.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    text: str


def get(port: int, path: str) -> Answer:
    """
    Send a GET request.

    Raises:
        OSError: There is no service, it does not speak HTTP, or it does not answer in time.
    """
    return _ask(port, "GET", path)


def post_image(port: int, path: str, image: bytes) -> Answer:
    """
    Send encoded bytes as `curl -F file=@IMAGE` does.

    Raises:
        OSError: As `get`.
    """
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="image"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + image + f"\r\n--{boundary}--\r\n".encode()
    return _ask(port, "POST", path, body, f"multipart/form-data; boundary={boundary}")


def _ask(port: int, method: str, path: str, body: bytes = b"", content_type: str = "") -> Answer:
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT_S)
    headers = {"Accept": "text/plain", **({"Content-Type": content_type} if content_type else {})}
    try:
        # A body over the limit is answered before it has been read to its end.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode("utf-8", "replace").strip())
    except http.client.HTTPException as error:
        raise ConnectionError(f"no proper HTTP answer: {error!r}") from error
    finally:
        connection.close()
