"""
The author's own Python around a graph, called with every answer checked.

Whether it is trusted has been asked before. It knows nothing of what is declared beside it.
"""

from typing import Any

import numpy as np
from PIL import Image

from andon.errors import RuntimeFault, first_line
from andon.named_code import OwnCode
from andon.tensors import FloatArray, UInt8Array


def run_prepare(code: OwnCode, name: str, image: Image.Image, channels: int) -> UInt8Array | FloatArray:
    """
    Let the author's own code prepare an image.

    Args:
        code: Takes a Pillow image, gives uint8 (H, W, C) or a float array or tensor (C, H, W).
        name: What to call it in an error.
        image: As `decode` returns it, which may be the caller's own: the author's code gets a copy.
        channels: Those of the model input.

    Returns:
        uint8 (H, W, C) or finite float32 (C, H, W), C order; a copy, as the author's code may use its memory again.

    Raises:
        RuntimeFault: `code.run`: it fails, or returns something else.
    """
    found = _array(_called(code, name, image.copy()), name)
    if found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == channels:
        return np.array(found, order="C")
    if found.dtype.kind == "f" and found.ndim == 3 and found.shape[0] == channels:
        return _require_finite(_float32(found), name)
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
        float32, C order, finite, a copy; whether the shape is that of the output is asked by the caller.

    Raises:
        RuntimeFault: `code.run`: it fails, or returns no finite numbers.
    """
    found = _array(_called(code, name, raw_output.copy()), name)
    if found.dtype.kind not in "fiu":
        raise RuntimeFault(f"{name} returns {found.dtype}, expected numbers", code="code.run")
    return _require_finite(_float32(found), name)


def _require_finite(found: FloatArray, name: str) -> FloatArray:
    if not np.isfinite(found).all():
        raise RuntimeFault(f"{name} returns numbers that are not finite", code="code.run")
    return found


def _float32(found: np.ndarray[Any, Any]) -> FloatArray:
    """Copy to float32, C order; what is too large for it becomes infinity."""
    with np.errstate(over="ignore"):
        return np.array(found, np.float32, order="C")


def _called(code: OwnCode, name: str, argument: object) -> object:
    try:
        return code(argument)
    except (Exception, SystemExit) as error:
        # The author's code may raise anything.
        raise RuntimeFault(f"{name} failed: {type(error).__name__}: {first_line(error)}", code="code.run") from error


def _on_cpu(tensor: Any) -> Any:
    """Give a tensor of torch's as numpy can read it, which has no bfloat16."""
    found = tensor.detach().cpu()
    return found.float() if tensor.is_floating_point() else found


def _array(answer: Any, name: str) -> np.ndarray[Any, Any]:
    """Bring an array, a tensor or a list of numbers to numpy."""
    try:
        return np.asarray(_on_cpu(answer) if hasattr(answer, "detach") else answer)
    except Exception as error:
        # What the author's code returns may be anything.
        raise RuntimeFault(f"{name} returns a {type(answer).__name__}, expected an array", code="code.run") from error
