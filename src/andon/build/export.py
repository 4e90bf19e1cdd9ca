"""An `nn.Module` becomes an ONNX artifact: uint8 NHWC in, normalisation inside, any batch, nothing of this machine."""

import contextlib
import io
import logging
import traceback
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from andon.build.blame import author_line, author_line_of_text
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError, first_line

if TYPE_CHECKING:
    import onnx
    import torch
    from google.protobuf.message import Message
    from torch import nn

INPUT_NAME, OUTPUT_NAME = "image", "raw_output"
_MAX_ARTIFACT_BYTES = 2**31 - 1
"""A protobuf message, and so an ONNX file with its weights inside, cannot be larger."""


def export_onnx(model: "nn.Module", spec: InputSpec, size: tuple[int, int]) -> bytes:
    """
    Export a model through `torch.export` to ONNX.

    Args:
        model: In evaluation mode on the CPU; takes float32 (N, C, H, W), gives (N, K).
        spec: Its scale, mean and std are put into the graph.
        size: Height and width of the graph's input in pixels.

    Returns:
        An ONNX file: one input `image`, `spec.dtype` (N, H, W, C), one output `raw_output`, float32
        (N, K), N free. Equal arguments give equal bytes; paths and stack traces are stripped.

    Raises:
        PackError: `pack.export`, naming the operator or the reason and the line of the author's
            code; `pack.model` where the model returns no tensor.
    """
    import torch

    example = (torch.zeros(2, *size, spec.channels, dtype=getattr(torch, spec.dtype)),)
    batch = {"image": {0: torch.export.Dim("batch", min=1)}}
    graph = normalised_graph(model, spec)
    with _quiet_exporter(), torch.no_grad():
        try:
            program = torch.export.export(graph, example, dynamic_shapes=batch)
        except Exception as error:
            # torch.export raises classes of several private modules, and whatever the model raises.
            raise _explain_export(error, graph, example[0]) from error
        try:
            onnx_program = torch.onnx.export(
                program, dynamo=True, input_names=[INPUT_NAME], output_names=[OUTPUT_NAME], verbose=False
            )
        except Exception as error:
            # As above: the exporter's classes are private.
            raise _explain_conversion(error) from error
    if onnx_program is None:
        raise PackError("the exporter returned nothing", code="pack.export")
    return _serialise(onnx_program.model_proto)


def normalised_graph(model: "nn.Module", spec: InputSpec) -> "nn.Module":
    """
    Put scaling and normalisation in front of a model.

    Returns:
        A module in evaluation mode that takes `spec.dtype` (N, H, W, C) and gives what `raw_scores`
        finds in the model's answer. Levels of more than 8 bits are clipped to their range first.
    """
    import torch
    from torch import nn

    class NormalisedGraph(nn.Module):
        """`(image * scale - mean) / std` as one multiplication and one addition a channel."""

        factor: torch.Tensor
        shift: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            std = torch.tensor(spec.std, dtype=torch.float64).reshape(1, -1, 1, 1)
            mean = torch.tensor(spec.mean, dtype=torch.float64).reshape(1, -1, 1, 1)
            self.register_buffer("factor", (spec.scale * spec.level / std).float())
            self.register_buffer("shift", (-mean / std).float())
            self.model = model

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            levels = image.permute(0, 3, 1, 2).float()
            if spec.dtype == "uint16":
                low, high = spec.levels
                levels = levels.clamp(low, high) - low
            return raw_scores(self.model(levels * self.factor + self.shift))

    return NormalisedGraph().eval()


def raw_scores(answer: object) -> "torch.Tensor":
    """
    Find the tensor of raw outputs in what a model returns.

    Args:
        answer: A tensor, a tuple or list of one, or a mapping or object with `logits`.

    Raises:
        PackError: `pack.model`: it is something else.
    """
    import torch

    if isinstance(answer, list | tuple) and not hasattr(answer, "logits") and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, torch.Tensor):
        answer = answer.get("logits") if isinstance(answer, dict) else getattr(answer, "logits", answer)
    if isinstance(answer, torch.Tensor):
        return answer
    raise PackError(
        f"the model returns a {type(answer).__name__}, expected one tensor of scores (N, classes)",
        code="pack.model",
        hint="wrap it in a module whose forward returns the logits only",
    )


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep torch's notes and dumps of graphs off the terminal; errors are raised all the same."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    dump = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(dump), contextlib.redirect_stderr(dump):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _explain_export(error: Exception, graph: "nn.Module", example: "torch.Tensor") -> PackError:
    """Tell why `torch.export` stopped, by trying the same model eagerly."""
    if isinstance(error, PackError):
        return error

    for count in (2, 3):
        try:
            graph(example.new_zeros(count, *example.shape[1:]))
        except Exception as eager_error:  # noqa: BLE001 -- the author's code may raise anything
            return PackError(
                f"the model fails on {count} images at once: {first_line(eager_error)}",
                code="pack.export",
                where=author_line(eager_error.__traceback__),
                hint="take the batch from x.shape[0] or use -1, never a fixed number",
            )
    return PackError(
        f"the model cannot be exported: {first_line(error)}",
        code="pack.export",
        where=author_line(error.__traceback__),
        hint="forward must not branch or loop in Python on values or on the batch; use tensor operations",
    )


def _explain_conversion(error: Exception) -> PackError:
    """Name the operator that ONNX lacks, and the author's line that calls it."""
    node = _failing_node(error)
    if node is None:
        return PackError(f"the conversion to ONNX failed: {first_line(error)}", code="pack.export")
    operator = getattr(node.target, "name", lambda: str(node.target))()
    return PackError(
        f"ONNX has no form of the operator {operator}",
        code="pack.export",
        where=author_line_of_text(node.stack_trace or ""),
        hint="replace it by operations that ONNX has, or move it out of forward",
    )


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


def _serialise(model: "onnx.ModelProto") -> bytes:
    """Strip what belongs to this machine or run, and write the rest in the one order there is."""
    del model.graph.value_info[:]
    _strip(model)
    if model.ByteSize() > _MAX_ARTIFACT_BYTES:
        raise PackError(
            f"the ONNX file would have {model.ByteSize()} bytes, at most {_MAX_ARTIFACT_BYTES} are possible",
            code="pack.export",
        )
    return bytes(model.SerializeToString(deterministic=True))


def _strip(message: "Message") -> None:
    """Remove documentation, stack traces and file paths from a message and all below it."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.name == "dim_param":
            # The only free axis; the exporter's own name for it may change from run to run.
            message.dim_param = "batch"  # type: ignore[attr-defined] # dimensions, which have it, come here only
        elif field.message_type is not None:
            for child in [value] if hasattr(value, "ListFields") else value:
                _strip(child)
