"""Bodies are those that the service reads, whatever the images hold."""

from hypothesis import given
from hypothesis import strategies as st

from andon.client.form import PART_BYTES, ask_to_predict
from andon.web.multipart import parse_multipart


def test_one_image_is_the_body_itself() -> None:
    """Not copied into a form, and not looked at."""
    ask = ask_to_predict([b"image"], "/predict/m")
    assert (ask.method, ask.path, ask.content_type, ask.body) == (
        "POST",
        "/predict/m",
        "application/octet-stream",
        b"image",
    )


def test_an_empty_image_is_sent_as_one() -> None:
    """An empty body would hold no image; an empty field is an image without bytes."""
    ask = ask_to_predict([b""], "/predict")
    assert [part.data for part in parse_multipart(ask.content_type, ask.body, max_parts=1)] == [b""]


@given(st.lists(st.binary(max_size=200) | st.sampled_from([b"--", b"\r\n--", b"\r\n", b""]), min_size=2, max_size=6))
def test_several_images_are_a_form_of_files(images: list[bytes]) -> None:
    """The service's own parser finds them all, in order, and the form is no larger than is reckoned with."""
    ask = ask_to_predict(images, "/predict")
    parts = parse_multipart(ask.content_type, ask.body, max_parts=len(images))
    assert [(part.name, part.data) for part in parts] == [("file", image) for image in images]
    assert len(ask.body) <= sum(map(len, images)) + PART_BYTES * (len(images) + 1)


def test_no_two_forms_have_one_boundary() -> None:
    """Nobody can prepare an image that ends its part."""
    assert len({ask_to_predict([b"a", b"b"], "/predict").content_type for _ in range(20)}) == 20
