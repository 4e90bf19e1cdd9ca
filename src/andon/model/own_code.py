"""
The author's own Python, found by its installed name and called with every answer checked.

Whether it is trusted has been asked before. It knows nothing of what is declared beside it.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from andon.errors import EnvironmentFault, RuntimeFault, first_line
from andon.tensors import FloatArray, UInt8Array

OwnCode = Callable[[Any], Any]
"""A Pillow image to an array, or raw outputs to scores."""


def import_own_code(name: str) -> OwnCode:
    """
    Import `package.module:function`.

    Raises:
        EnvironmentFault: `code.import`: it is not installed, fails while it is imported, or cannot be called.
    """
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        # The author's module may raise anything while it is imported.
        raise EnvironmentFault(
            f"the author's own code {name} cannot be imported: {type(error).__name__}: {first_line(error)}",
            code="code.import",
            hint=f"install the package that holds {module_name}, in the version that the bundle was packed with",
        ) from error
    if not callable(found):
        raise EnvironmentFault(f"{name} is a {type(found).__name__}, expected a function", code="code.import")
    return found  # type: ignore[no-any-return] # any callable will do


def run_prepare(code: OwnCode, name: str, image: Image.Image, channels: int) -> UInt8Array | FloatArray:
    """
    Let the author's own code prepare an image.

    Args:
        code: Takes a Pillow image, gives uint8 (H, W, C) or a float array or tensor (C, H, W).
        name: What to call it in an error.
        image: As `decode` returns it.
        channels: Those of the model input.

    Returns:
        uint8 (H, W, C) or float32 (C, H, W), C order.

    Raises:
        RuntimeFault: `code.run`: it fails, or returns something else.
    """
    found = _array(_called(code, name, image), name)
    if found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == channels:
        return np.ascontiguousarray(found)
    if found.dtype.kind == "f" and found.ndim == 3 and found.shape[0] == channels:
        return np.ascontiguousarray(found, np.float32)
    raise RuntimeFault(
        f"{name} returns {found.dtype} of the shape {found.shape}, "
        f"expected floats ({channels}, H, W) or uint8 (H, W, {channels})",
        code="code.run",
    )


def run_finish(code: OwnCode, name: str, raw_output: FloatArray) -> FloatArray:
    """
    Let the author's own code finish the raw output of one image.

    Args:
        code: Takes float32 of any shape, gives numbers of the shape that the output declares.
        name: What to call it in an error.
        raw_output: One image's; the author's code gets a copy.

    Returns:
        float32, C order, finite; whether the shape is that of the output is asked by the caller.

    Raises:
        RuntimeFault: `code.run`: it fails, or returns no finite numbers.
    """
    found = _array(_called(code, name, raw_output.copy()), name)
    if found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise RuntimeFault(f"{name} returns {found.dtype} that are not finite numbers", code="code.run")
    return np.ascontiguousarray(found, np.float32)


def _called(code: OwnCode, name: str, argument: object) -> object:
    try:
        return code(argument)
    except Exception as error:
        # The author's code may raise anything.
        raise RuntimeFault(f"{name} failed: {type(error).__name__}: {first_line(error)}", code="code.run") from error


def _array(answer: Any, name: str) -> np.ndarray[Any, Any]:
    """Bring an array, a tensor or a list of numbers to numpy."""
    try:
        return np.asarray(answer.detach().cpu() if hasattr(answer, "detach") else answer)
    except Exception as error:
        # What the author's code returns may be anything.
        raise RuntimeFault(f"{name} returns a {type(answer).__name__}, expected an array", code="code.run") from error
