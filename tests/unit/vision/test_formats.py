"""The formats are told by their first bytes, and everything that names them asks here."""

import pytest
from PIL import Image

from andon.vision.formats import FORMATS, SUFFIXES, find_format
from tests.support.pictures import encoded, photo


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_file_of_each_format_is_known(form: object) -> None:
    """As Pillow writes it."""
    assert find_format(encoded(photo(), form.name.upper())) == form  # type: ignore[attr-defined] # a format


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"RIFF\0\0\0\0AVI LIST", b"%!PS-Adobe", b"P6 1 1 255 abc"])
def test_other_files_are_not(data: bytes) -> None:
    """Whatever else Pillow could read."""
    assert find_format(data) is None


def test_each_suffix_is_one_that_pillow_knows() -> None:
    """So that a file that is found in a folder is one that a notebook opens."""
    Image.init()
    assert set(SUFFIXES) <= set(Image.registered_extensions())
