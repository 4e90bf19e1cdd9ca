"""Tests of the transform as an oracle."""

import pytest
from PIL import Image

from andon.build.infer.made import Studio
from andon.build.infer.oracle import Oracle, silent
from andon.errors import PackError
from tests.support.transforms import rgb, to_tensor

FLAT = Studio(grey=False, side=8).flat((4, 3), (1, 2, 3))


def test_questions_are_told_and_counted() -> None:
    """A slow transform shows what it is asked for."""
    told: list[str] = []
    oracle = Oracle(lambda image: to_tensor(rgb(image), 1.0), told.append)
    assert oracle.ask(FLAT, "one")[:, 0, 0].tolist() == [1, 2, 3]
    assert oracle.try_ask(FLAT, "two") is not None
    assert told == ["one", "two"]
    assert oracle.calls == 2


def test_an_image_that_is_not_taken_is_no_error_where_it_was_made() -> None:
    """The author's own samples must be taken, made ones need not."""

    def broken(image: Image.Image) -> object:
        raise ValueError("no")

    oracle = Oracle(broken, silent)
    assert oracle.try_ask(FLAT, "made") is None
    with pytest.raises(PackError):
        oracle.ask(FLAT, "own")
