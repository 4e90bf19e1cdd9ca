"""The page about found preprocessing shows what is found and what is said."""

import json
from typing import Any

import pytest
from PIL import ImageOps

from andon.build.infer import find_input
from andon.build.infer.refusal import declaration
from andon.build.samples import read_samples
from andon.errors import PackError
from tests.support.author import photo
from tests.support.markdown import blocks
from tests.support.tree import ROOT

PAGE = ROOT / "docs" / "concepts" / "found-preprocessing.md"


@pytest.fixture(scope="module")
def transform() -> Any:
    """The transform of the page."""
    pytest.importorskip("cv2")
    (block,) = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 -- the page's own code
    return names["transform"]


@pytest.mark.slow
def test_what_is_found_is_what_the_page_shows(transform: Any) -> None:
    """To the letter."""
    (block,) = blocks(PAGE, "json")
    found = find_input(transform, read_samples([photo(0)]))
    assert declaration(found.spec) == block.text.strip()
    assert json.loads(block.text)


def test_what_is_asked_is_what_the_page_shows(transform: Any) -> None:
    """The same transform with a mirror."""
    (block,) = blocks(PAGE, "text")
    with pytest.raises(PackError) as caught:
        find_input(lambda image: transform(ImageOps.mirror(image.convert("RGB"))), read_samples([photo(0)]))
    assert str(caught.value) == block.text.strip()
