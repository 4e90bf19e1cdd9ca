"""An ONNX model becomes the bytes of an artifact, with nothing of this machine or run in them."""

from typing import TYPE_CHECKING

from andon.errors import PackError

if TYPE_CHECKING:
    import onnx
    from google.protobuf.message import Message

MAX_ONNX_BYTES = 2**31 - 1
"""A protobuf message, and so an ONNX file with its weights inside, cannot be larger."""
_BATCH = "batch"
"""The name of the free first axis; an exporter's own may change from run to run."""


def serialise(model: "onnx.ModelProto") -> bytes:
    """
    Strip what belongs to this machine or run, and write the rest.

    Args:
        model: Changed in place; its weights stay as they are.

    Returns:
        Equal bytes for equal models. Free axes have no name, but for the first of inputs and outputs.

    Raises:
        PackError: `pack.export`: it would be larger than an ONNX file can be.
    """
    del model.graph.value_info[:]
    _strip(model)
    for value in (*model.graph.input, *model.graph.output):
        _name_batch(value)
    if model.ByteSize() > MAX_ONNX_BYTES:
        raise PackError(
            f"the ONNX file would have {model.ByteSize()} bytes, at most {MAX_ONNX_BYTES} are possible",
            code="pack.export",
        )
    return bytes(model.SerializeToString(deterministic=True))


def _strip(message: "Message") -> None:
    """Remove documentation, stack traces, file paths and names of axes from a message and all below it."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props", "dim_param"):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for child in [value] if hasattr(value, "ListFields") else value:
                _strip(child)


def _name_batch(value: "onnx.ValueInfoProto") -> None:
    axes = value.type.tensor_type.shape.dim
    if axes and not axes[0].HasField("dim_value"):
        axes[0].dim_param = _BATCH
