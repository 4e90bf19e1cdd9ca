"""Why an export stopped: the operator or the reason, and the line of the author's own code."""

import traceback
from typing import TYPE_CHECKING

from andon.build.blame import author_line, author_line_of_text
from andon.errors import PackError, first_line

if TYPE_CHECKING:
    import torch


def other_forms(*forms: str) -> str:
    """Give the hint that a model which has no ONNX form can be packed in these."""
    listed = " or ".join(f'artifacts=["{form}"]' for form in forms)
    factory = ", which needs the factory of the network" if "eager" in forms else ""
    return (
        f"pack it as PyTorch runs it, with {listed}{factory}; on the command line with --artifact. "
        "Such a bundle loads only where PyTorch is installed and the bundle is trusted"
    )


def explain_tracing(error: Exception) -> PackError:
    """
    Tell why `torch.export` stopped.

    Returns:
        The error itself where it is ours, else one of the code `pack.export`.
    """
    if isinstance(error, PackError):
        return error
    return PackError(
        f"the model cannot be exported: {first_line(error)}",
        code="pack.export",
        where=author_line(error.__traceback__),
        hint="forward must not branch or loop in Python on values or on the batch: use tensor operations, "
        'or pack the network as it is with artifacts=["eager"] and a factory, which loads only with trust',
    )


def explain_conversion(error: Exception) -> PackError:
    """
    Name the operator that ONNX lacks, and the author's line that calls it.

    Returns:
        An error of the code `pack.export`.
    """
    node = _failing_node(error)
    if node is None:
        return PackError(
            f"the conversion to ONNX failed: {first_line(error)}", code="pack.export", hint=other_forms("pt2", "eager")
        )
    operator = getattr(node.target, "name", lambda: str(node.target))()
    return PackError(
        f"the operator {operator} has no form in ONNX, as it is used here: {first_line(_root(error))}",
        code="pack.export",
        where=author_line_of_text(node.stack_trace or ""),
        hint=f"replace it by operations that ONNX has; or {other_forms('pt2', 'eager')}",
    )


def _root(error: BaseException) -> Exception:
    """Follow an error to the one that it began with."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error  # type: ignore[return-value] # what can be translated raises no exit


def _failing_node(error: BaseException | None) -> "torch.fx.Node | None":
    """Find the graph node that the exporter was translating when it raised."""
    import torch

    found = None
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            node = dict(frame.f_locals).get("node")
            if isinstance(node, torch.fx.Node):
                found = node
        error = error.__cause__
    return found
