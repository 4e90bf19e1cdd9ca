"""Tests of asking a model about several images at once."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from andon.build.graph_input import GraphInput
from andon.build.sources.several import answers_for_several
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.tensors import FloatArray

SIZE = (6, 5)
WANTED = GraphInput(InputSpec(), SIZE)


def plain(images: FloatArray) -> NDArray[Any]:
    """Answer for each image by itself."""
    return images.mean(axis=(2, 3))


def test_images_that_are_answered_alone_are_answered_together() -> None:
    """The shape is that of the batch, and sums in another order are no difference."""
    asked: list[FloatArray] = []

    def noisy(images: FloatArray) -> NDArray[Any]:
        asked.append(images)
        return plain(images) * (1 + 1e-3 * (len(images) - 1))

    assert answers_for_several(noisy, WANTED)
    assert {images.shape for images in asked} == {(1, 3, 6, 5), (2, 3, 6, 5), (3, 3, 6, 5)}


@pytest.mark.parametrize(
    "run",
    [
        lambda images: plain(images) - plain(images).mean(axis=0),
        lambda images: plain(images) if images.mean() > 0.4 else -plain(images),
        lambda images: plain(images)[:2],
        lambda images: plain(images).reshape(1, -1),
        lambda images: images.sum(),
        lambda images: images.mean(axis=0).mean(axis=(1, 2)),
        lambda images: plain(images) * np.nan,
    ],
)
def test_an_answer_that_depends_on_the_other_images_is_none_for_several(run: Any) -> None:
    """Means over a batch, branches on it, lost rows, and one answer for all."""
    assert not answers_for_several(run, WANTED)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_model_that_fails_takes_no_several(count: int) -> None:
    """On two, on three, or on one already."""

    def run(images: FloatArray) -> NDArray[Any]:
        if len(images) == count:
            raise PackError("no", code="pack.model")
        return plain(images)

    assert not answers_for_several(run, WANTED)


@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [(InputSpec(), 0, 1), (InputSpec(scale=1.0), 0, 255), (InputSpec(color="L", depth=12, scale=1.0), 0, 255)],
)
def test_the_images_are_what_the_model_is_made_for(spec: InputSpec, low: float, high: float) -> None:
    """Dark, middling and bright, over the range that the declaration gives."""
    asked: list[FloatArray] = []
    answers_for_several(lambda images: asked.append(images) or plain(images), GraphInput(spec, SIZE))  # type: ignore[func-returns-value] # appends
    images = max(asked, key=len)
    assert images.dtype == np.float32
    assert images.min() >= low
    assert images.max() <= high
    assert (np.diff(images.mean(axis=(1, 2, 3))) > (high - low) / 5).all()
