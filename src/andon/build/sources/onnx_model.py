"""A model as an ONNX file, from whatever framework: run as it is by ONNX Runtime, packed with pixels in front."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.build.graph_input import GraphInput
from andon.build.onnx_bytes import MAX_ONNX_BYTES
from andon.build.onnx_front import Front, is_identity, put_in_front
from andon.build.sources.base import Form, Layout, Made
from andon.build.sources.module import wrong_inputs
from andon.build.sources.several import answers_for_several
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError, first_line, missing_extra
from andon.runtimes.onnx_runtime import import_onnxruntime
from andon.tensors import FloatArray, sides_in_words

if TYPE_CHECKING:
    import onnx

_STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Domains of operators that ONNX Runtime brings along."""
_IN_NUMPY: Mapping[str, type[np.generic]] = {
    "FLOAT": np.float32,
    "FLOAT16": np.float16,
    "DOUBLE": np.float64,
    "UINT8": np.uint8,
}
"""Types of a graph's input that pixels can be brought to."""
_FLOATS = ("FLOAT", "FLOAT16", "DOUBLE")
_ONE_AT_A_TIME = (
    "the graph takes one image at a time, or answers otherwise for several, so they are run one by one, which is slower"
)
_LAYOUT_HINT = 'say it with layout="NCHW" or layout="NHWC", on the command line with --layout'


class OnnxSource:
    """
    An ONNX graph with all its weights.

    Args:
        model: As `read_onnx` gives it.
        layout: The order of axes of its input; None to see it from the shape.

    Raises:
        PackError: `pack.model`: it has not one input of images and one output of floats, needs
            operators that ONNX Runtime lacks, or cannot be run; `pack.argument`: `layout` is not its own.
    """

    forms: tuple[Form, ...] = ("onnx",)
    usual_forms: tuple[Form, ...] = ("onnx",)
    package = "onnx"

    def __init__(self, model: "onnx.ModelProto", layout: Layout | None = None) -> None:
        _require_known_operators(model)
        self._model = model
        self._input, self._output = _only_input(model), _only_output(model)
        self._dtype = _input_dtype(self._input)
        self._axes = _axes(self._input)
        self._layout = layout
        self._session = _open(model)

    def require_fit(self, spec: InputSpec, size: tuple[int, int]) -> None:
        """Refuse another number of channels or another size than the graph has, and a second normalisation."""
        layout = self._layout_for(spec.channels)
        wanted = (spec.channels, *size) if layout == "NCHW" else (*size, spec.channels)
        if any(axis not in (None, want) for axis, want in zip(self._axes[1:], wanted, strict=True)):
            raise PackError(
                f"the graph takes images of the shape ({sides_in_words(self._axes[1:])}) ({layout[1:]}), "
                f"the declaration gives ({sides_in_words(wanted)})",
                code="pack.input",
                where=f"the input {self._input.name} of the graph",
                hint="declare the size that the graph was exported with, as crop or resize",
            )
        if self._takes_levels and not is_identity(spec):
            raise PackError(
                "the graph takes uint8, so its normalisation is inside, and the declaration normalises too",
                code="pack.input",
                where=f"the input {self._input.name} of the graph",
                hint='declare "scale": 1 without mean and std; the transform gives floats of 0-255',
            )

    def answer(self, model_input: FloatArray) -> FloatArray:
        """Run the file as it is, on what its own input takes."""
        found = self._run(model_input[np.newaxis])
        if found.ndim < 2 or len(found) != 1:
            raise PackError(
                f"the graph returns the shape {found.shape} for one image, expected (1, classes)", code="pack.model"
            )
        return np.array(found[0], np.float32, order="C")

    def make(self, form: Form, wanted: GraphInput) -> Made:
        """Put what the artifact takes in front of the graph."""
        if wanted.takes_floats and self._takes_levels:
            raise PackError(
                "the graph takes uint8, and the author's own prepare gives floats",
                code="pack.prepare",
                where=f"the input {self._input.name} of the graph",
                hint="let it return uint8 (H, W, C)",
            )
        several = self._axes[0] is None and answers_for_several(self._run, wanted)
        front = Front(
            wanted=wanted,
            layout=self._layout_for(wanted.spec.channels),
            takes_levels=self._takes_levels,
            dynamic_batch=several,
        )
        data = put_in_front(self._model, self._input.name, self._output.name, front)
        return Made(data=data, dynamic_batch=several, note="" if several else _ONE_AT_A_TIME)

    @property
    def _takes_levels(self) -> bool:
        return self._dtype == np.uint8

    def _layout_for(self, channels: int) -> Layout:
        """Find the order of axes where it is not told: a fixed axis that fits says more than a free one."""
        at: dict[Layout, int | None] = {"NCHW": self._axes[1], "NHWC": self._axes[3]}
        fitting = [layout for layout, axis in at.items() if axis in (None, channels)]
        certain = [layout for layout in fitting if at[layout] == channels]
        if self._layout is not None:
            fitting, certain = [layout for layout in fitting if layout == self._layout], []
        found = certain if len(certain) == 1 else fitting
        if len(found) == 1:
            return found[0]
        raise self._unknown_layout(channels, fits=bool(found))

    def _unknown_layout(self, channels: int, *, fits: bool) -> PackError:
        shape, where = f"({sides_in_words(self._axes)})", f"the input {self._input.name} of the graph"
        if fits:
            return PackError(
                f"the graph takes images of the shape {shape}, which does not tell where the channels are",
                code="pack.argument",
                where=where,
                hint=_LAYOUT_HINT,
            )
        told = f" and the layout is {self._layout}" if self._layout else ""
        return PackError(
            f"the graph takes images of the shape {shape}, {channels} channels are declared{told}",
            code="pack.input",
            where=where,
            hint='"color" is "L" for one channel; the layout tells where they are',
        )

    def _run(self, model_inputs: FloatArray) -> FloatArray:
        """Run model inputs (N, C, H, W) in the type and order of the graph's own input."""
        batch = model_inputs
        if self._layout_for(model_inputs.shape[1]) == "NHWC":
            batch = batch.transpose(0, 2, 3, 1)
        if self._takes_levels:
            batch = np.rint(batch).clip(0, 255)
        try:
            (found,) = self._session.run(
                [self._output.name], {self._input.name: np.ascontiguousarray(batch, self._dtype)}
            )
        except Exception as error:
            # The library raises its own classes, which share no base but Exception.
            raise PackError(
                f"the graph fails on a model input of the shape {model_inputs.shape}: {first_line(error)}",
                code="pack.model",
            ) from error
        return np.asarray(found)


def require_onnx() -> None:
    """Raise `EnvironmentFault` where the library that changes ONNX files is absent."""
    from importlib.util import find_spec

    if find_spec("onnx") is None:
        raise missing_extra("onnx", "torch", "packing an ONNX file")


def read_onnx(data: bytes, path: Path) -> "onnx.ModelProto":
    """
    Read an ONNX file, and take in the weights that it keeps in files beside it.

    Args:
        data: Its bytes.
        path: Where it is from, and what to call it.

    Raises:
        PackError: `pack.model`: it is damaged or not sound, or a file beside it is absent.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        # The library lets the errors of protobuf through, whose class depends on how that is installed.
        raise PackError(
            "the file is neither TorchScript, an exported program nor a whole ONNX model",
            code="pack.model",
            where=str(path),
            hint="is it cut off? export or copy it again",
        ) from error
    try:
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    except Exception as error:
        # Missing files, sizes and paths are each refused with a class of their own.
        raise PackError(
            f"weights in a file beside it cannot be read: {first_line(error)}",
            code="pack.model",
            where=str(path),
            hint="keep the files that the exporter wrote in one folder",
        ) from error
    _require_sound(model, path)
    return model


def _require_sound(model: "onnx.ModelProto", path: Path) -> None:
    import onnx

    _require_known_operators(model)
    newest = onnx.defs.onnx_opset_version()
    opsets = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not opsets or max(opsets) > newest:
        raise PackError(
            f"the file is no ONNX model of an opset from 7 to {newest}"
            + (f": it has opset {max(opsets)}" if opsets else ""),
            code="pack.model",
            where=str(path),
            hint="export it again, for example with opset_version=18",
        )
    if model.ByteSize() > MAX_ONNX_BYTES:
        raise PackError(
            f"the model has {model.ByteSize()} bytes with its weights, at most {MAX_ONNX_BYTES} are possible",
            code="pack.model",
            where=str(path),
        )
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise PackError(
            f"the file is no sound ONNX model: {first_line(error)}",
            code="pack.model",
            where=str(path),
            hint="export it again, with an exporter that is not newer than the installed onnx",
        ) from error


def _require_known_operators(model: "onnx.ModelProto") -> None:
    own = {(function.domain, function.name) for function in model.functions}
    graphs = [model.graph.node, *(function.node for function in model.functions)]
    unknown = sorted(
        {
            f"{node.domain}.{node.op_type}"
            for nodes in graphs
            for node in _all_nodes(nodes)
            if node.domain not in _STANDARD_DOMAINS and (node.domain, node.op_type) not in own
        }
    )
    if unknown:
        raise PackError(
            f"the graph has operators that are not of ONNX: {', '.join(unknown[:5])}",
            code="pack.model",
            hint="export it without them: a bundle holds no libraries of operators",
        )


def _all_nodes(nodes: Any) -> "list[onnx.NodeProto]":
    """List nodes with those of the graphs inside of them."""
    found = list(nodes)
    for node in nodes:
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                found += _all_nodes(graph.node)
    return found


def _only_input(model: "onnx.ModelProto") -> "onnx.ValueInfoProto":
    weights = {
        tensor.name for tensor in (*model.graph.initializer, *(s.values for s in model.graph.sparse_initializer))
    }
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise wrong_inputs([value.name for value in inputs])
    return inputs[0]


def _only_output(model: "onnx.ModelProto") -> "onnx.ValueInfoProto":
    """Give the one output, or that of the name `logits`, as of a module; it must be of floats."""
    outputs = list(model.graph.output)
    kept = outputs if len(outputs) == 1 else [value for value in outputs if value.name == "logits"]
    if len(kept) != 1:
        raise PackError(
            f"the graph gives {len(outputs)} outputs ({', '.join(value.name for value in outputs)}), "
            "expected one: the raw outputs",
            code="pack.model",
            hint="export it with the one that holds the scores; onnx.utils.extract_model cuts a file",
        )
    kind = _kind(kept[0])
    if kind not in _FLOATS:
        raise PackError(
            f"the graph answers with {kind.lower()}, expected floats: the scores of all classes",
            code="pack.model",
            where=f"the output {kept[0].name} of the graph",
            hint="export the network without the argmax at its end",
        )
    return kept[0]


def _input_dtype(value: "onnx.ValueInfoProto") -> type[np.generic]:
    kind = _kind(value)
    axes = value.type.tensor_type.shape.dim
    if kind not in _IN_NUMPY or len(axes) != 4:
        raise PackError(
            f"the graph takes {kind.lower()} of {len(axes)} axes, expected images: "
            f"{', '.join(_IN_NUMPY).lower()} of 4 axes (N, C, H, W) or (N, H, W, C)",
            code="pack.model",
            where=f"the input {value.name} of the graph",
            hint="export it with an input of float32",
        )
    return _IN_NUMPY[kind]


def _axes(value: "onnx.ValueInfoProto") -> tuple[int | None, ...]:
    """Give the four axes of the input, None for a free one; the batch is free or 1."""
    axes = tuple(
        axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None
        for axis in value.type.tensor_type.shape.dim
    )
    if axes[0] not in (None, 1):
        raise PackError(
            f"the graph takes exactly {axes[0]} images at once",
            code="pack.model",
            where=f"the input {value.name} of the graph",
            hint="export it with a free batch, or for one image",
        )
    return axes


def _kind(value: "onnx.ValueInfoProto") -> str:
    """Name the type of a value's numbers, as ONNX does."""
    import onnx

    return onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)


def _open(model: "onnx.ModelProto") -> Any:
    """Open the file as it is, in one thread, so that sums are always the same."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # The library raises its own classes, which share no base but Exception.
        opset = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
        raise PackError(
            f"ONNX Runtime cannot run the graph (opset {opset}): {first_line(error)}",
            code="pack.model",
            hint="export it with an opset that this ONNX Runtime knows, for example opset_version=18",
        ) from error
