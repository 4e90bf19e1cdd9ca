"""Files that are to be sent are looked at before."""

from pathlib import Path

import pytest

from andon.bench.images import read_image, shown_name
from andon.errors import AndonError
from tests.support.engines import RED


def test_an_image_is_read_as_it_is(tmp_path: Path) -> None:
    """Nothing of it is changed."""
    path = tmp_path / "part.png"
    path.write_bytes(RED)
    assert read_image(path) == RED


@pytest.mark.parametrize(("data", "code"), [(None, "usage.path"), (b"no image", "image.format"), (RED[:50], "image.")])
def test_what_is_no_image_is_refused_by_name(tmp_path: Path, data: bytes | None, code: str) -> None:
    """Also one that is cut off, and one that is not there."""
    path = tmp_path / "part.png"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(AndonError) as caught:
        read_image(path)
    assert caught.value.code.startswith(code)
    assert caught.value.where == str(path)


def test_a_name_of_any_bytes_can_be_written() -> None:
    """What is not UTF-8 is written out."""
    assert shown_name(Path("\udcff.png")) == "\\xff.png"
    assert shown_name(Path("件.png")) == "件.png"
