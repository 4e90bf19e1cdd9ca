"""What every dialect refuses alike."""

import pytest

from andon.errors import RequestError
from andon.settings.limits import Limits
from andon.web.dialects.bodies import require_images, require_uncompressed
from andon.web.messages import Request


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity", ""])
def test_a_compressed_body_is_refused(encoding: str) -> None:
    """It would be taken for a damaged image, or blown up."""
    with pytest.raises(RequestError) as caught:
        require_uncompressed(Request(headers={"content-encoding": encoding}, request_id="x"))
    assert caught.value.code == "request.media_type"


@pytest.mark.parametrize("headers", [{}, {"content-encoding": " Identity"}])
def test_a_body_as_it_is_passes(headers: dict[str, str]) -> None:
    """With or without saying so."""
    require_uncompressed(Request(headers=headers, request_id="x"))


@pytest.mark.parametrize(("count", "code"), [(0, "request.file"), (3, "request.images"), (10**30, "request.images")])
def test_no_image_and_too_many_are_refused(count: int, code: str) -> None:
    """Each has its code."""
    with pytest.raises(RequestError) as caught:
        require_images(count, Limits(max_images=2), hint="do so")
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize("count", [1, 2])
def test_some_images_pass(count: int) -> None:
    """Up to the limit."""
    require_images(count, Limits(max_images=2))
