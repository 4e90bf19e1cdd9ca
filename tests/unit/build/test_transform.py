"""Tests of how the author's transform is called."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from andon.build.samples import Sample, read_samples
from andon.build.transform import apply_transform, require_repeatable
from andon.errors import MismatchError, PackError
from tests.support.author import photo, photos


def test_the_transform_gets_what_pillow_opens(tmp_path: Path) -> None:
    """A file is opened by its path, in its own mode and unloaded, as in the notebook."""
    path = tmp_path / "grey.png"
    photo(0).convert("L").save(path)
    seen: list[Image.Image] = []

    def transform(image: Image.Image) -> torch.Tensor:
        seen.append(image)
        assert Path(image.filename) == path  # type: ignore[attr-defined] # Pillow sets it on files
        assert image.mode == "L"
        return torch.zeros(1, image.height, image.width)

    (sample,) = read_samples([path])
    assert apply_transform(transform, sample).shape == (1, 97, 131)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        torch.ones(3, 4, 5, dtype=torch.float64),
        torch.ones(3, 4, 5, dtype=torch.bfloat16),
        torch.ones(3, 4, 5, requires_grad=True),
        torch.ones(5, 4, 3).permute(2, 1, 0),
        np.ones((3, 4, 5)),
    ],
)
def test_any_float_tensor_will_do(answer: object) -> None:
    """Doubles, gradients, strides and numpy arrays become float32 in C order."""
    found = apply_transform(lambda _: answer, read_samples(photos(1))[0])
    assert found.dtype == np.float32
    assert found.shape == (3, 4, 5)
    assert found.flags.c_contiguous


def test_a_transform_that_changes_its_size_is_random() -> None:
    """A random crop of random size is found too."""
    sizes = iter(range(3, 100))
    with pytest.raises(MismatchError) as caught:
        require_repeatable(lambda _: torch.zeros(3, next(sizes), 4), read_samples(photos(1)))
    assert caught.value.code == "pack.mismatch.random"


@pytest.mark.parametrize("draw", [lambda: torch.rand(()), random.random, np.random.rand])
def test_a_transform_that_draws_random_numbers_is_called_more_often(draw: Any) -> None:
    """An augmentation of one call in twenty is found with a single sample, whichever generator it draws from."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)

    def transform(image: Image.Image) -> torch.Tensor:
        return torch.full((3, 2, 2), float(draw() < 0.05))

    with pytest.raises(MismatchError) as caught:
        require_repeatable(transform, read_samples(photos(1)))
    assert caught.value.code == "pack.mismatch.random"


def test_many_samples_are_not_called_without_end() -> None:
    """The number of calls is bounded, whatever the number of samples."""
    calls = []

    def transform(image: Image.Image) -> torch.Tensor:
        calls.append(image)
        return torch.zeros(3, 2, 2)

    require_repeatable(transform, read_samples(photos(40)))
    assert len(calls) == 48


def test_an_error_of_the_author_keeps_its_words_and_its_line() -> None:
    """The exception, the sample and the line are told."""

    def transform(_: Image.Image) -> torch.Tensor:
        raise RuntimeError("tensor sizes do not match")

    with pytest.raises(PackError) as caught:
        apply_transform(transform, Sample(name="part 7", data=read_samples(photos(1))[0].encoded))
    assert "part 7: RuntimeError: tensor sizes do not match" in caught.value.message
    assert "test_transform.py, line" in caught.value.where


@pytest.mark.parametrize(
    ("answer", "words", "hint"),
    [
        (None, "returns nothing", "lack a return"),
        ({"pixel_values": torch.ones(1, 3, 4, 5)}, "returns a dict of 'pixel_values'", "yours(image)['pixel_values']"),
        ((torch.ones(3, 4, 5), (4, 5)), "returns a tuple of 2", "yours(image)[0]"),
        (Image.new("RGB", (5, 4)), "returns a Image", "ToTensor()"),
        (1.5, "returns a float", ""),
        (torch.ones(1, 3, 4, 5), "returns torch.float32 of the shape (1, 3, 4, 5)", "answer[0]"),
        (np.ones((4, 5)), "returns float64 of the shape (4, 5)", "answer[None]"),
        (torch.ones(3, 4, 5, dtype=torch.uint8), "returns torch.uint8", "division by 255"),
        (np.ones((4, 5, 3)), "looks like (H, W, C)", "permute(2, 0, 1)"),
        (torch.full((3, 4, 5), float("nan")), "not finite", ""),
    ],
)
def test_another_answer_is_refused_with_the_way_out(answer: object, words: str, hint: str) -> None:
    """What it is, and how to get from it to a float tensor (C, H, W)."""
    with pytest.raises(PackError) as caught:
        apply_transform(lambda _: answer, read_samples(photos(1))[0])
    assert caught.value.code == "pack.transform"
    assert words in caught.value.message
    assert hint in caught.value.hint


def takes_an_array(pixels: Any) -> torch.Tensor:
    """Take what OpenCV gives."""
    return torch.zeros(3, *pixels.shape[:2])


def takes_it_by_name(*, image: Any) -> dict[str, torch.Tensor]:
    """Take it as albumentations does."""
    return {"image": takes_an_array(image)}


def takes_a_path(path: Any) -> torch.Tensor:
    """Take what cv2.imread takes."""
    return torch.zeros(3, len(path.split("/")), 2)


@pytest.mark.parametrize(
    ("transform", "hint"),
    [
        (takes_an_array, 'takes an array: pass transform=lambda image: yours(np.array(image.convert("RGB")))'),
        (takes_it_by_name, 'yours(image=np.array(image.convert("RGB")))["image"]'),
        (takes_a_path, "takes a path: let it take the opened image"),
        (lambda image: image.no_such_thing, ""),
    ],
)
def test_a_transform_that_takes_something_else_is_told_how_it_is_called(transform: Any, hint: str) -> None:
    """It fails on a Pillow image, and what it takes is tried out."""
    with pytest.raises(PackError) as caught:
        require_repeatable(transform, read_samples(photos(1)))
    assert caught.value.code == "pack.transform"
    assert bool(caught.value.hint) == bool(hint)
    assert hint in caught.value.hint
    assert "Error" in caught.value.message
