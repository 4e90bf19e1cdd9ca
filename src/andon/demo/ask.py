"""Ask a service on this machine over HTTP. It knows nothing of models."""

from typing import Any, NamedTuple

from andon.errors import first_line

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
        ConnectionError: There is no service, it does not speak HTTP, or it does not answer in time.
    """
    return _ask(port, "GET", path)


def post_image(port: int, path: str, image: bytes) -> Answer:
    """
    Send encoded bytes as `curl -F file=@IMAGE` does.

    Raises:
        ConnectionError: As `get`.
    """
    return _ask(port, "POST", path, files={"file": ("image", image)})


def _ask(port: int, method: str, path: str, **body: Any) -> Answer:
    import httpx

    try:
        # The proxy of the environment is for the world outside.
        with httpx.Client(trust_env=False, timeout=_TIMEOUT_S, headers={"Accept": "text/plain"}) as client:
            answer = client.request(method, f"http://{HOST}:{port}{path}", **body)
    except httpx.HTTPError as error:
        raise ConnectionError(f"{method} {path}: {first_line(error)}") from error
    return Answer(answer.status_code, answer.content.decode("utf-8", "replace").strip())
