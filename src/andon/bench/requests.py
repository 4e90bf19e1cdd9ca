"""Requests as the bytes that go out, made once; only the request id changes from one to the next."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from andon.client.address import Address, predict_path
from andon.client.options import authorisation
from andon.vision.formats import find_format


class Image(Struct, frozen=True):
    """One image file."""

    name: str
    data: bytes


class Requests:
    """
    The requests of one measurement, one image each, one image after the other.

    Args:
        address: Of the service.
        images: At least one.
        run: What the request ids begin with, to find the measurement in a log.
        model: None for the default model.
        token: None where the service wants none.
        deadline_ms: None to leave it to the service.
    """

    def __init__(
        self,
        address: Address,
        images: Sequence[Image],
        run: str,
        *,
        model: str | None = None,
        token: str | None = None,
        deadline_ms: float | None = None,
    ) -> None:
        path = urlsplit(address.root).path + predict_path(model, None)
        further = {**authorisation(token), **({} if deadline_ms is None else {"X-Deadline-Ms": f"{deadline_ms:g}"})}
        self._heads = [_head(address.host, path, image.data, further) for image in images]
        self._bodies = [image.data for image in images]
        self._run = run.encode()

    def place_of(self, number: int) -> int:
        """Give the place of the image of a request, 0 or more."""
        return number % len(self._bodies)

    def id_of(self, number: int) -> bytes:
        """Give the request id of a number."""
        return b"%b-%d" % (self._run, number)

    def number_of(self, request_id: bytes) -> int:
        """Give the number that an id stands for; -1 where it is none of this measurement."""
        run, _, number = request_id.rpartition(b"-")
        return int(number) if run == self._run and number.isdigit() else -1

    def size_of(self, number: int) -> int:
        """Give the bytes of the body of a request."""
        return len(self._bodies[number % len(self._bodies)])

    def bytes_of(self, number: int) -> tuple[bytes, bytes]:
        """Give the head and the body of a request; the body is never copied."""
        place = number % len(self._bodies)
        return b"%b%b-%d\r\n\r\n" % (self._heads[place], self._run, number), self._bodies[place]


def _head(host: str, path: str, data: bytes, further: Mapping[str, str]) -> bytes:
    """Write the head up to the value of its last header, the request id."""
    form = find_format(data)
    headers = {
        "Host": host,
        "Content-Type": form.media_type if form else "application/octet-stream",
        "Content-Length": str(len(data)),
        "Accept": "application/json",
        **further,
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "X-Request-Id: "]
    return "\r\n".join(lines).encode()
