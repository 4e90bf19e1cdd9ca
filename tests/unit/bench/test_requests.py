"""The bytes that go out."""

import pytest

from andon.bench.requests import Image, Requests
from andon.client.address import parse_address
from tests.support.bundles import colour_image, encode

PNG = encode(colour_image((9, 9, 9)), "PNG")


def test_a_request_is_exact() -> None:
    """Path with prefix and model, host, type by content, length, token, deadline, and the id at the end."""
    address = parse_address("https://line.example:8443/vision/")
    requests = Requests(address, [Image("x", PNG)], "run", model="no 1", token="t" * 6, deadline_ms=250)
    head, body = requests.bytes_of(7)
    assert head == (
        b"POST /vision/predict/no%201 HTTP/1.1\r\n"
        b"Host: line.example:8443\r\n"
        b"Content-Type: image/png\r\n"
        b"Content-Length: " + str(len(PNG)).encode() + b"\r\n"
        b"Accept: application/json\r\n"
        b"Authorization: Bearer tttttt\r\n"
        b"X-Deadline-Ms: 250\r\n"
        b"X-Request-Id: run-7\r\n\r\n"
    )
    assert body is PNG


def test_images_take_turns() -> None:
    """The fourth request of three images is the first again; sizes and places follow."""
    requests = Requests(parse_address("http://x"), [Image("a", b"1"), Image("b", b"22"), Image("c", b"333")], "r")
    assert [requests.bytes_of(number)[1] for number in range(4)] == [b"1", b"22", b"333", b"1"]
    assert [requests.size_of(number) for number in range(4)] == [1, 2, 3, 1]
    assert [requests.place_of(number) for number in range(4)] == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("request_id", "number"),
    [(b"r-1-12", 12), (b"r-1-0", 0), (b"r-2-12", -1), (b"r-1-x", -1), (b"", -1), (b"r-1-", -1)],
)
def test_an_id_leads_back_to_its_number(request_id: bytes, number: int) -> None:
    """An id of another measurement, or of nobody, leads nowhere."""
    requests = Requests(parse_address("http://x"), [Image("a", b"1")], "r-1")
    assert requests.id_of(12) == b"r-1-12"
    assert requests.number_of(request_id) == number
