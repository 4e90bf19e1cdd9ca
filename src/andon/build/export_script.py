"""TorchScript becomes an ONNX artifact, as `andon.build.export` does for what `torch.export` can trace."""

import contextlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from andon.build.explain_export import other_forms
from andon.build.export import INPUT_NAME, OUTPUT_NAME, example_of, normalised_graph, quiet_exporter
from andon.build.graph_input import GraphInput
from andon.build.onnx_bytes import serialise
from andon.errors import PackError, first_line

if TYPE_CHECKING:
    import torch

_OPSET = 18
"""The opset of torch's other exporter; all runtimes that Andon knows run it."""


def export_script(script: "torch.jit.ScriptModule", wanted: GraphInput, *, dynamic_batch: bool) -> bytes:
    """
    Convert TorchScript to ONNX through torch's exporter for it, the only one that keeps its branches and loops.

    Args:
        script: In evaluation mode on the CPU; takes float32 (N, C, H, W), gives (N, K).
        wanted: What the graph is to take.
        dynamic_batch: Leave N free; else it is 1.

    Returns:
        As `andon.build.export.export_onnx`.

    Raises:
        PackError: `pack.export`, with the operator or the reason; `pack.model` where it returns no tensor.
    """
    import onnx
    import torch

    example = example_of(wanted, dynamic_batch=dynamic_batch)
    free = {INPUT_NAME: {0: "batch"}, OUTPUT_NAME: {0: "batch"}} if dynamic_batch else None
    written = io.BytesIO()
    with quiet_exporter(), _no_dumps(), torch.no_grad():
        try:
            traced = torch.jit.trace(  # type: ignore[no-untyped-call] # torch has no types for it
                normalised_graph(script, wanted), (example,), check_trace=False
            )
            # With its weights as constants the nodes come out in the same order each time.
            torch.onnx.export(
                torch.jit.freeze(traced),
                (example,),
                written,  # type: ignore[arg-type] # this exporter takes streams, too
                dynamo=False,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                dynamic_axes=free,
                opset_version=_OPSET,
            )
        except PackError:
            raise
        except Exception as error:
            # torch raises classes of several private modules, and whatever the script raises.
            raise PackError(
                f"the TorchScript cannot be converted to ONNX: {first_line(error)}",
                code="pack.export",
                hint=other_forms("torchscript"),
            ) from error
    return serialise(onnx.load_model_from_string(written.getvalue()))


@contextlib.contextmanager
def _no_dumps() -> Iterator[None]:
    """Keep the graph that fails from being dumped: this is printed below Python, where no stream can be redirected."""
    import torch

    # The exporter switches its log on whatever is asked, so what writes to it is replaced while it runs.
    internals: Any = torch._C  # noqa: SLF001 -- there is no public switch
    log = internals._jit_onnx_log  # noqa: SLF001 -- as above
    internals._jit_onnx_log = lambda *_: None  # noqa: SLF001 -- as above
    try:
        yield
    finally:
        internals._jit_onnx_log = log  # noqa: SLF001 -- as above
