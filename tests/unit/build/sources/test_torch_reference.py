"""Tests of asking a PyTorch model about one image."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from andon.build.graph_input import GraphInput
from andon.build.sources.torch_reference import answer_of, takes_batches
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from tests.support.author import Net

IMAGE = np.zeros((3, 56, 56), np.float32)


def test_the_answer_is_that_of_the_model() -> None:
    """For a batch of one, without its axis; gradients are not kept, and the image is not changed."""

    def model(images: torch.Tensor) -> torch.Tensor:
        assert images.shape == (1, 3, 56, 56)
        return images.add_(1).sum(dim=(2, 3)).double().requires_grad_()

    image = IMAGE.copy()
    found = answer_of(model, image)
    assert found.dtype == np.float32
    assert found.tolist() == [3136.0] * 3
    assert not image.any()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda x: x.no_such_thing(), "no_such_thing"),
        (lambda x: x[0, 0, 0, 0], "()"),
        (lambda _: torch.zeros(2, 4), "(2, 4)"),
        (lambda _: torch.zeros(4), "(4,)"),
        (lambda _: torch.zeros(1, 4).argmax(1, keepdim=True), "int64"),
        (lambda _: None, "a NoneType"),
        (lambda x: (x, x), "a tuple of 2"),
        (lambda x: {"boxes": x, "masks": x}, "a dict of 'boxes', 'masks'"),
    ],
)
def test_an_answer_that_is_no_raw_output_of_one_image_is_refused(model: Any, words: str) -> None:
    """What was returned is told; nothing of torch's errors comes through."""
    with pytest.raises(PackError) as caught:
        answer_of(model, IMAGE)
    assert caught.value.code == "pack.model"
    assert words in caught.value.message


def test_the_line_of_the_author_is_named() -> None:
    """A failing forward is found without a traceback."""

    def model(images: torch.Tensor) -> torch.Tensor:
        return images.reshape(7, 7)

    with pytest.raises(PackError) as caught:
        answer_of(model, IMAGE)
    assert "images.reshape(7, 7)" in caught.value.where


def test_a_failing_script_says_why() -> None:
    """The reason stands behind the trace of the script, in its last line."""

    class Picky(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if images.shape[1] != 1:
                raise RuntimeError("only grey images")
            return images

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(Picky())
    with pytest.raises(PackError, match="RuntimeError: only grey images"):
        answer_of(script, IMAGE)


def test_a_map_of_scores_is_a_raw_output() -> None:
    """Raw outputs may have more axes; whether the labels fit is asked elsewhere."""
    assert answer_of(lambda images: images[:, :2], IMAGE).shape == (2, 56, 56)


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        (Net().eval(), True),
        (lambda x: Net().eval()(x).view(1, 4), False),
        (lambda x: Net().eval()(x).reshape(1, -1), False),
        (lambda x: Net().eval()(x[:2]), False),
        (lambda x: Net().eval()(x - x.mean(dim=0)), False),
        (lambda x: Net().eval()(x.mul_(0.5)).half(), True),
        (lambda x: x.sum(), False),
        (lambda _: "scores", False),
    ],
)
def test_a_model_takes_batches_where_each_image_gets_an_answer(model: Any, *, taken: bool) -> None:
    """Two and three are tried: a number that is built in fits one of them at most."""
    assert takes_batches(model, GraphInput(InputSpec(), (56, 56))) is taken
