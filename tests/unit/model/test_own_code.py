"""The author's own code is found by its name, and whatever it does is an answer or a typed error."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from andon.errors import EnvironmentFault, RuntimeFault
from andon.model.own_code import import_own_code, run_finish, run_prepare

IMAGE = Image.new("RGB", (4, 2), (10, 20, 30))
RAW = np.array([1, 2, 3], np.float32)


class Tensor:
    """Behaves as torch's tensors do, on whatever device."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def detach(self) -> "Tensor":
        """Leave the graph of gradients."""
        return self

    def cpu(self) -> np.ndarray:
        """Come to the CPU."""
        return self._values


def test_a_function_of_an_installed_module_is_found() -> None:
    """A method too."""
    assert import_own_code("math:floor")(2.5) == 2
    assert import_own_code("pathlib:Path.cwd")() == Path.cwd()


@pytest.mark.parametrize("name", ["no_such_module:f", "math:no_such_name", "math:pi"])
def test_what_is_not_there_is_named(name: str) -> None:
    """As something that is missing on this machine."""
    with pytest.raises(EnvironmentFault) as caught:
        import_own_code(name)
    assert caught.value.code == "code.import"
    assert name.partition(":")[0] in str(caught.value)


def test_a_module_that_fails_on_import_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it raises."""
    (tmp_path / "broken_code.py").write_text("raise ZeroDivisionError('no weights')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EnvironmentFault, match="ZeroDivisionError: no weights"):
        import_own_code("broken_code:f")
    assert "broken_code" not in sys.modules


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


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: None,
        lambda _: np.zeros((2, 4), np.uint8),
        lambda _: np.zeros((1, 3, 2, 4), np.float32),
        lambda _: np.zeros((2, 4, 3), np.int32),
        lambda _: np.zeros((2, 4, 3), np.float32),
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


@pytest.mark.parametrize("answer", [lambda _: None, lambda raw: raw * np.nan, lambda _: ["a"], lambda raw: raw[9]])
def test_what_is_no_finite_number_is_a_fault(answer: Callable[[Any], Any]) -> None:
    """Not a score that a decision would be made on."""
    with pytest.raises(RuntimeFault, match="code:f") as caught:
        run_finish(answer, "code:f", RAW)
    assert caught.value.code == "code.run"
