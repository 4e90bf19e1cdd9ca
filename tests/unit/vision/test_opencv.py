"""Tests of OpenCV's resize: its pixels, its threads, and the error where it is missing."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from andon.bundle.input_spec import OPENCV_KERNELS
from andon.errors import EnvironmentFault
from andon.vision.opencv import has_opencv, resize_with_opencv

FLAGS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}


@pytest.mark.parametrize("kernel", sorted(OPENCV_KERNELS))
@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50), (7, 5, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pixels_are_those_of_opencv(kernel: str, shape: tuple[int, ...], dtype: str) -> None:
    """Bit for bit, reduced and enlarged, whatever the order in memory."""
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    wanted = cv2.resize(pixels, (31, 23), interpolation=FLAGS[kernel])
    for same in (pixels, np.asfortranarray(pixels), pixels[::-1][::-1]):
        found = resize_with_opencv(same, (31, 23), kernel)  # type: ignore[arg-type] # one of the five
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == dtype


def threads_after(before: str) -> str:
    """Give the threads of OpenCV after a first resize in a process of its own."""
    code = (
        f"{before}\nimport numpy as np\nfrom andon.vision.opencv import resize_with_opencv\n"
        "resize_with_opencv(np.zeros((2, 2), np.uint8), (1, 1), 'area')\nimport cv2\nprint(cv2.getNumThreads())"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_one_thread_is_set_where_nobody_else_uses_opencv() -> None:
    """Processes that each resize on all cores would fight; a host that has OpenCV keeps what it chose."""
    assert threads_after("") == "1"
    assert threads_after("import cv2; cv2.setNumThreads(3)") == "3"


def test_without_opencv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pip command is in the hint."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(EnvironmentFault) as caught:
        resize_with_opencv(np.zeros((2, 2), np.uint8), (1, 1), "area")
    assert caught.value.code == "environment.extra"
    assert caught.value.hint == 'pip install "andon[opencv]"'


def test_whether_it_is_installed_is_asked_without_importing_it() -> None:
    """It is where these tests run."""
    assert has_opencv()
