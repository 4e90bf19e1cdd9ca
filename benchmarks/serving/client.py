"""One client on one keep-alive connection: whether a server answers, what it answers, and how long it takes alone."""

import http.client
import time
from collections.abc import Sequence

from serving.apis import Api

PATIENCE_S = 60.0
NOT_YET = (OSError, http.client.HTTPException, ValueError, LookupError, TypeError)


class Client:
    """A connection that is made again after an error."""

    def __init__(self, port: int, api: Api) -> None:
        self._api = api
        self.timing = ""
        """`Server-Timing` of the last answer."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def label(self, photo: bytes) -> str:
        """
        Ask about a photo.

        Raises:
            ValueError: The answer is not 200, or not one of this API.
        """
        return self.send(self._api.body(photo), self._api.headers(photo))

    def send(self, body: bytes, headers: dict[str, str]) -> str:
        """Send a request that is ready; the rest is as in `label`."""
        self._connection.request("POST", self._api.path, body, headers)
        answer = self._connection.getresponse()
        told = answer.read()
        self.timing = answer.headers.get("Server-Timing", "")
        if answer.status != 200:
            raise ValueError(f"{answer.status}: {told[:500].decode(errors='replace')}")
        return self._api.label(told)

    def waited_ms(self, photo: bytes) -> float:
        """Ask about a photo, and give the milliseconds from sending to the whole answer."""
        body, headers = self._api.body(photo), self._api.headers(photo)
        started = time.perf_counter()
        self.send(body, headers)
        return (time.perf_counter() - started) * 1e3

    def label_or_none(self, photo: bytes) -> str | None:
        """Ask about a photo; None where there is no good answer."""
        try:
            return self.label(photo)
        except NOT_YET:
            self._connection.close()
            return None

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def agreement(client: Client, photos: Sequence[bytes], expected: Sequence[int]) -> int:
    """Count the photos whose label is the expected one."""
    return sum(client.label(photo) == f"class {number}" for photo, number in zip(photos, expected, strict=True))
