"""Exports to ONNX that do not cost a test run the same work hundreds of times; what they give is the same."""

import functools
import sys
from collections.abc import Callable
from typing import Any


def hasten_exports() -> None:
    """
    Keep what the exporter reads anew for each model, and convert without measuring its coverage.

    The exporter parses the source of its 500 operators each time, and tracing its Python costs as much
    again. By then `torch.export` has run the model, so none of our code is called in the conversion.
    Nothing happens before the exporter is loaded; a second call changes nothing.
    """
    values, exporter = sys.modules.get("onnxscript._internal.values"), sys.modules.get("torch.onnx")
    if values is None or exporter is None or hasattr(exporter.export, "__wrapped__"):
        return
    kept: Any = functools.cached_property(values.TracedOnnxFunction.function_ir.fget)
    kept.__set_name__(values.TracedOnnxFunction, "function_ir")
    values.TracedOnnxFunction.function_ir = kept
    exporter.export = untraced(exporter.export)


def untraced(act: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of one of other people's, during which nothing is traced."""

    @functools.wraps(act)
    def quiet(*args: Any, **options: Any) -> Any:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return act(*args, **options)
        finally:
            sys.settrace(tracer)

    return quiet
