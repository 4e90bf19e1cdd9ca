"""Whatever the author's own code does is an answer or a typed error."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from andon.errors import RuntimeFault
from andon.model.own_code import run_finish, run_prepare

IMAGE = Image.new("RGB", (4, 2), (10, 20, 30))
RAW = np.array([1, 2, 3], np.float32)


class Tensor:
    """Behaves as torch's tensors do, on whatever device."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def detach(self) -> "Tensor":
        """Leave the graph of gradients."""
        return self

    def cpu(self) -> "Tensor":
        """Come to the CPU."""
        return self

    def is_floating_point(self) -> bool:
        """Ask whether it is of floats; here it is."""
        return True

    def float(self) -> np.ndarray:
        """Become float32: numpy cannot read all that it may be before."""
        return self._values.astype(np.float32)


@pytest.mark.parametrize(
    ("answer", "dtype"),
    [
        (np.asarray, np.uint8),
        (lambda image: np.asarray(image).transpose(2, 0, 1) / 255, np.float32),
        (lambda _: Tensor(np.zeros((3, 2, 4), np.float16)), np.float32),
    ],
)
def test_pixels_and_model_inputs_are_taken(answer: Callable[[Any], Any], dtype: type[np.generic]) -> None:
    """Whatever floats they are, and in C order."""
    found = run_prepare(answer, "code:f", IMAGE, 3)
    assert found.dtype == dtype
    assert found.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_that_the_code_uses_again_is_copied(dtype: type[np.generic]) -> None:
    """The images of a batch stay apart."""
    memory = np.zeros((2, 4, 3) if dtype is np.uint8 else (3, 2, 4), dtype)

    def numbered(_: Image.Image) -> np.ndarray:
        memory[:] += 1
        return memory

    first, second = (run_prepare(numbered, "code:f", IMAGE, 3) for _ in range(2))
    assert (first.max(), second.max()) == (1, 2)


def test_prepare_cannot_change_the_callers_image() -> None:
    """It gets a copy."""

    def painted(image: Image.Image) -> np.ndarray:
        image.paste((0, 0, 0), (0, 0, 4, 2))
        return np.asarray(image)

    image = IMAGE.copy()
    assert run_prepare(painted, "code:f", image, 3).max() == 0
    assert image.getpixel((0, 0)) == (10, 20, 30)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: None,
        lambda _: sys.exit("done"),
        lambda _: np.zeros((2, 4), np.uint8),
        lambda _: np.zeros((1, 3, 2, 4), np.float32),
        lambda _: np.zeros((2, 4, 3), np.int32),
        lambda _: np.zeros((2, 4, 3), np.float32),
        lambda _: np.full((3, 2, 4), np.nan, np.float32),
        lambda _: np.full((3, 2, 4), 1e300),
        lambda _: "pixels",
        lambda image: image.no_such_method(),
    ],
)
def test_anything_else_is_a_fault_of_the_code(answer: Callable[[Any], Any]) -> None:
    """That names it."""
    with pytest.raises(RuntimeFault, match="code:f") as caught:
        run_prepare(answer, "code:f", IMAGE, 3)
    assert caught.value.code == "code.run"


def test_finish_cannot_change_what_the_graph_answered() -> None:
    """It gets a copy."""

    def shifted(raw_output: np.ndarray) -> np.ndarray:
        raw_output += 1
        return raw_output

    raw_output = RAW.copy()
    np.testing.assert_array_equal(run_finish(shifted, "code:f", raw_output), RAW + 1)
    np.testing.assert_array_equal(raw_output, RAW)


def test_what_finish_uses_again_is_copied() -> None:
    """Scores of before stay as they were."""
    memory = np.zeros(3, np.float32)

    def counted(_: np.ndarray) -> np.ndarray:
        memory[:] += 1
        return memory

    first, second = (run_finish(counted, "code:f", RAW) for _ in range(2))
    assert (first.max(), second.max()) == (1, 2)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: None,
        lambda raw: raw * np.nan,
        lambda raw: raw.astype(np.float64) * 1e300,
        lambda _: ["a"],
        lambda raw: raw[9],
        lambda _: sys.exit("done"),
    ],
)
def test_what_is_no_finite_number_is_a_fault(answer: Callable[[Any], Any]) -> None:
    """Not a score that a decision would be made on."""
    with pytest.raises(RuntimeFault, match="code:f") as caught:
        run_finish(answer, "code:f", RAW)
    assert caught.value.code == "code.run"
