"""Bodies of JSON with tensors behind it, and tensors of elements with their lengths."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.errors import RequestError
from andon.web.dialects.v2.framing import is_raw, join_elements, split_body, split_elements
from tests.support.inference import LENGTH, request


def refusal(data: bytes, count: int) -> RequestError:
    """Split what must be refused."""
    with pytest.raises(RequestError) as caught:
        split_elements(memoryview(data), count)
    assert caught.value.code == "request.tensor"
    return caught.value


@pytest.mark.parametrize(("length", "text"), [("2", b"{}"), ("0002", b"{}"), ("5", b"{}abc"), ("0", b"")])
def test_the_header_says_where_the_json_ends(length: str, text: bytes) -> None:
    """What stands behind it is the rest, without being copied."""
    sent = request(b"{}abc", **{LENGTH: length})
    found, behind = split_body(sent)
    assert (found, bytes(behind)) == (text, sent.body[len(text) :])
    assert behind.obj is sent.body


def test_without_the_header_all_is_json() -> None:
    """Nothing is behind it."""
    text, behind = split_body(request(b"{}abc"))
    assert (text, len(behind)) == (b"{}abc", 0)


@pytest.mark.parametrize("length", ["4", "-1", "+1", "1.0", "1e0", "", " 1", "1,1", "٣", "0x1", "9" * 20, "9" * 5000])
def test_another_length_is_refused(length: str) -> None:
    """It is a whole number of bytes, and not more than the body has; the message stays short."""
    for use in (is_raw, split_body):
        with pytest.raises(RequestError) as caught:
            use(request(b"abc", **{LENGTH: length}))
        assert caught.value.code == "request.header"
        assert "at most the 3 of the body" in caught.value.message
        assert len(caught.value.message) < 200


@pytest.mark.parametrize(("headers", "expected"), [({}, False), ({LENGTH: "0"}, True), ({LENGTH: "1"}, False)])
def test_zero_stands_for_a_body_without_json(headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001 -- a table
    """Whatever the body is; a body that is not there at all has none either."""
    assert is_raw(request(b"abc", **headers)) == expected
    assert is_raw(request(b""))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_elements_come_back(elements: list[bytes]) -> None:
    """Of any bytes, empty ones too."""
    assert split_elements(memoryview(join_elements(elements)), len(elements)) == elements


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 5))
def test_any_bytes_are_elements_or_refused(data: bytes, count: int) -> None:
    """What is taken apart is whole: put together again it is the same."""
    try:
        elements = split_elements(memoryview(data), count)
    except RequestError:
        return
    assert len(elements) == count
    assert join_elements(elements) == data


def test_no_prefix_of_a_tensor_is_taken_for_the_whole() -> None:
    """Wherever it ends, within a length or within an element."""
    data = join_elements([b"abc", b"", b"de"])
    for end in range(len(data)):
        assert "does not fit" in refusal(data[:end], 3).message


def test_bytes_left_over_are_refused() -> None:
    """The message says where the elements end."""
    assert "end after 7 bytes, the tensor has 8" in refusal(join_elements([b"abc"]) + b"x", 1).message


def test_lengths_are_little_endian() -> None:
    """Four bytes, the lowest first."""
    assert join_elements([b"x" * 258])[:4] == b"\x02\x01\x00\x00"
