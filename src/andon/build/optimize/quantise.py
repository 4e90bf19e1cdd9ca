"""An ONNX artifact in floats becomes one of 8 bits, by NNCF, with the ranges that it sees on given images."""

import io
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from andon.errors import PackError, first_line, missing_extra
from andon.runtimes.onnx_runtime import import_onnxruntime
from andon.runtimes.openvino_runtime import import_openvino
from andon.tensors import InputArray

if TYPE_CHECKING:
    import onnx

_T = TypeVar("_T")

MAX_CALIBRATION = 300
"""Images to see the ranges on; more of them move EfficientNet-Lite0 less than the choice of which."""
_TELEMETRY = "openvino_telemetry"


def has_nncf() -> bool:
    """Ask whether NNCF can be imported."""
    return find_spec("nncf") is not None


def quantise(model: "onnx.ModelProto", images: Sequence[InputArray]) -> "onnx.ModelProto":
    """
    Quantise weights by channel and activations by tensor; what NNCF knows to suffer stays in floats.

    Args:
        model: A graph of one input; it is left as it is.
        images: Prepared images, at least one; up to `MAX_CALIBRATION` of them are used, spread evenly.

    Returns:
        The graph with pairs of QuantizeLinear and DequantizeLinear. Input, output and the free batch stay.

    Raises:
        EnvironmentFault: `environment.extra`.
        PackError: `optimize.quantise`: NNCF cannot quantise this graph.
    """
    nncf = _import_nncf()
    image = model.graph.input[0].name
    chosen = spread(images, MAX_CALIBRATION)
    with _in_silence():
        try:
            quantised: onnx.ModelProto = nncf.quantize(
                model,
                nncf.Dataset([{image: np.ascontiguousarray(pixels[None])} for pixels in chosen]),
                subset_size=len(chosen),
                # The default halves the first layer's weights for processors without VNNI, and doubles its error
                # everywhere; a processor that saturates there does not hold the proof, and falls back.
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    overflow_fix=nncf.quantization.advanced_parameters.OverflowFix.DISABLE,
                ),
            )
        except Exception as error:
            # NNCF raises errors of ONNX Runtime, of ONNX and of its own, which share no base but Exception.
            raise PackError(
                f"the graph cannot be quantised: {first_line(error)}",
                code="optimize.quantise",
                hint="the other precisions are measured all the same; --no-int8 leaves this one out",
            ) from error
    return quantised


def spread(items: Sequence[_T], count: int) -> list[_T]:
    """
    Take up to `count` items, evenly from the first to the last.

    >>> spread("abcdefgh", 3)
    ['a', 'c', 'f']
    """
    if len(items) <= count:
        return list(items)
    return [items[number * len(items) // count] for number in range(count)]


def _import_nncf() -> ModuleType:
    """Import NNCF without its telemetry, which reports every call to Google Analytics; nothing else imports it."""
    if not has_nncf():
        raise missing_extra("nncf", "optimize", "int8")
    # Both libraries that it builds on are imported here first, each as quiet as Andon wants it.
    import_onnxruntime()
    import_openvino()
    is_first = "nncf" not in sys.modules and _TELEMETRY not in sys.modules
    if is_first:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment] # documented: importing it raises ModuleNotFoundError
    # Its import makes every logger that the process asks for afterwards one of its own.
    loggers = logging.getLoggerClass()
    try:
        with _in_silence():
            nncf = import_module("nncf")  # it ships no types
            import_module("nncf.quantization.advanced_parameters")
    finally:
        logging.setLoggerClass(loggers)
        if is_first:
            sys.modules.pop(_TELEMETRY, None)
    # Its own `set_log_level` also sets the level of handlers that are not its own.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf


@contextmanager
def _in_silence() -> Iterator[None]:
    """Keep its bars and counts off stdout, which is for data."""
    with redirect_stdout(io.StringIO()):
        yield
