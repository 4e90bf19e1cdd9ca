"""Small networks, made by hand, that find dark spots in a texture: as scores, as boxes, as a map."""

import io
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from andon.bundle.archive import write_bundle
from andon.bundle.golden import GoldenSample, encode_golden
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Manifest
from andon.model.load import load
from andon.model.model import Model
from andon.vision.prepare import normalise, prepare
from tests.support.bundles import declared_files

TILE, OVERLAP, SPOT = 128, 32, 12
"""Sides in pixels: of a tile, of what two of them share at least, and of a spot at most."""
CELL = 4
"""Pixels of one cell of the map."""
Kind = Literal["logits", "boxes", "map"]
OUTPUTS: dict[Kind, dict[str, Any]] = {
    "logits": {"labels": ["ok", "spot"]},
    "boxes": {"kind": "boxes", "labels": ["spot"], "activation": "none", "boxes": {"format": "cxcywh"}},
    "map": {"kind": "map", "labels": ["spot"], "activation": "sigmoid"},
}
TASKS: dict[Kind, str] = {"logits": "classification", "boxes": "detection", "map": "segmentation"}
DECISIONS: dict[Kind, dict[str, Any]] = {"logits": {"ok_labels": ["ok"]}, "boxes": {}, "map": {}}


def texture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Make a grey texture, uint8 (H, W), with slopes and noise and no spot."""
    random = np.random.default_rng(seed)
    noise = random.integers(-18, 19, (height, width), np.int16)
    rows = (np.arange(height) % 301)[:, np.newaxis] // 10
    return (150 + rows + noise + (np.arange(width) % 211) // 9).astype(np.uint8)


def with_spots(pixels: np.ndarray, *corners: tuple[int, int], side: int = SPOT) -> np.ndarray:
    """Draw dark squares, each at the given left and upper edge."""
    pixels = pixels.copy()
    for x, y in corners:
        pixels[y : y + side, x : x + side] = 15
    return pixels


def finder_graph(kind: Kind, tile: int = TILE) -> bytes:
    """
    Make the ONNX graph: uint8 (N, tile, tile, 1), how much darker each pixel is than 80, averaged over 5 x 5.

    Its answer is 1 in the middle of a spot and 0 in the texture. `logits` are made of the highest
    of it, `map` is its highest of 4 x 4 pixels, and each row of `boxes` is a square of 14 pixels
    around the first cell of those that are as high as all around them.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Sub", ["limit", "planes"], ["darker"]),
        helper.make_node("Clip", ["darker", "zero", "most"], ["clipped"]),
        helper.make_node("Div", ["clipped", "most"], ["dark"]),
        helper.make_node("AveragePool", ["dark"], ["answer"], kernel_shape=[5, 5], pads=[2] * 4, count_include_pad=1),
        *_HEADS[kind](tile),
    ]
    constants = {
        "limit": np.array(80, np.float32),
        "zero": np.array(0, np.float32),
        "most": np.array(50, np.float32),
        "half": np.array(0.5, np.float32),
        "slope": np.array(16, np.float32),
        "sides": np.array([2, 3], np.int64),
        "rows": np.array([0, -1, 1], np.int64),
        "batch": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "squares": _squares(tile),
        **({} if kind != "boxes" else {"axis": np.array([2], np.int64)}),
    }
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "finder",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", tile, tile, 1])],
        [helper.make_tensor_value_info("raw_output", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def _logits(_: int) -> list[onnx.NodeProto]:
    return [
        helper.make_node("ReduceMax", ["answer", "sides"], ["highest"], keepdims=0),
        helper.make_node("Sub", ["highest", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "slope"], ["spot"]),
        helper.make_node("Neg", ["spot"], ["ok"]),
        helper.make_node("Concat", ["ok", "spot"], ["raw_output"], axis=1),
    ]


def _map(_: int) -> list[onnx.NodeProto]:
    return [
        helper.make_node("MaxPool", ["answer"], ["cells"], kernel_shape=[CELL] * 2, strides=[CELL] * 2),
        helper.make_node("Sub", ["cells", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "slope"], ["raw_output"]),
    ]


def _boxes(_: int) -> list[onnx.NodeProto]:
    return [
        helper.make_node("AveragePool", ["dark"], ["smooth"], kernel_shape=[11, 11], pads=[5] * 4, count_include_pad=1),
        helper.make_node("MaxPool", ["smooth"], ["around"], kernel_shape=[25, 25], pads=[12] * 4),
        helper.make_node("Equal", ["smooth", "around"], ["is_peak"]),
        helper.make_node("Cast", ["is_peak"], ["peak"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["smooth", "peak"], ["peaks"]),
        helper.make_node("Reshape", ["peaks", "rows"], ["scores"]),
        helper.make_node("Shape", ["scores"], ["count"], start=0, end=1),
        helper.make_node("Concat", ["count", "one", "one"], ["repeats"], axis=0),
        helper.make_node("Tile", ["squares", "repeats"], ["places"]),
        helper.make_node("Concat", ["places", "scores"], ["raw_output"], axis=2),
    ]


_HEADS = {"logits": _logits, "map": _map, "boxes": _boxes}


def _squares(tile: int) -> np.ndarray:
    """Give centre and size of a square of 14 pixels around each pixel: float32 (1, M, 4)."""
    rows, columns = np.indices((tile, tile)) + 0.5
    squares = np.stack([columns.ravel(), rows.ravel(), *[np.full(tile * tile, 14.0)] * 2], axis=1)
    return squares[np.newaxis].astype(np.float32)


def write_finder(path: Path, kind: Kind, *, tile: int = TILE, overlap: int | None = OVERLAP, **fields: Any) -> Path:
    """
    Write a bundle that finds spots.

    Args:
        path: Where to.
        kind: Of its output.
        tile: Its side, and that of the graph, in pixels.
        overlap: None for a bundle that cuts nothing up.
        fields: Further fields of the manifest, and `merge` of the tiles.
    """
    merge = fields.pop("merge", "max")
    tiles = None if overlap is None else {"size": [tile, tile], "overlap": overlap, "merge": merge}
    declared = {"color": "L", "tiles": tiles, **fields.pop("input", {})}
    graph = finder_graph(kind, tile)
    samples = _samples(graph, msgspec.convert(declared, InputSpec), tile)
    members = {"artifacts/onnx/model.onnx": graph, **encode_golden(samples)}
    manifest = {
        "format": 1,
        "name": "spots",
        "task": TASKS[kind],
        "input": declared,
        "output": OUTPUTS[kind],
        "decision": DECISIONS[kind],
        "artifacts": [{"name": "onnx", "format": "onnx", "path": "artifacts/onnx/model.onnx"}],
        "executions": [{"artifact": "onnx", "runtime": "onnxruntime"}],
        "golden": {"inputs": [sample.name for sample in samples]},
        "provenance": {"created_by": "andon tests"},
        "files": declared_files(members),
        **fields,
    }
    write_bundle(path, msgspec.convert(manifest, Manifest), members)
    return path


def load_finder(path: Path, kind: Kind, *, threads: int = 1, **options: Any) -> Model:
    """Write a bundle and load it, which proves it."""
    return load(write_finder(path / f"{kind}.andon", kind, **options), threads=threads)


def _samples(graph: bytes, spec: InputSpec, tile: int) -> list[GoldenSample]:
    """Make golden samples of single tiles, as onnxruntime answers them."""
    session = onnxruntime.InferenceSession(graph)
    samples = []
    for number, pixels in enumerate((texture(tile, tile), with_spots(texture(tile, tile, 1), (tile // 2, tile // 3)))):
        image = Image.fromarray(pixels)
        encoded = io.BytesIO()
        image.save(encoded, "PNG")
        prepared = prepare(image, spec.of_one)
        samples.append(
            GoldenSample(
                name=f"golden/inputs/{number}.png",
                encoded=encoded.getvalue(),
                pixels=prepared,
                model_input=normalise(prepared, spec),
                raw_output=session.run(None, {"image": prepared[np.newaxis]})[0][0],
            )
        )
    return samples
