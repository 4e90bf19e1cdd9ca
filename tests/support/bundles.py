"""A small, real classifier of colours as a bundle, made with `onnx` alone so that most tests need no torch."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from andon.bundle.archive import write_bundle
from andon.bundle.golden import GoldenSample, encode_golden
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Manifest
from andon.vision.prepare import normalise, prepare

LABELS = ("red", "green", "blue")
SIZE = 32
INPUT: dict[str, Any] = {
    "resize": {"mode": "shorter_side", "size": 40, "interpolation": "bilinear"},
    "crop": {"size": [SIZE, SIZE]},
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}
WEIGHTS = np.array([[4, -2, -2], [-2, 4, -2], [-2, -2, 4]], np.float32)
BIAS = np.array([0.1, -0.2, 0.3], np.float32)


def colour_image(rgb: tuple[int, int, int], size: tuple[int, int] = (60, 50), seed: int = 0) -> Image.Image:
    """Make a noisy RGB image of about one colour; `size` is width and height."""
    noise = np.random.default_rng(seed).integers(-40, 41, (size[1], size[0], 3))
    return Image.fromarray(np.clip(noise + np.array(rgb), 0, 255).astype(np.uint8))


def encode(image: Image.Image, form: str = "PNG") -> bytes:
    """Encode an image as PNG or JPEG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def colour_graph(weights: np.ndarray = WEIGHTS) -> bytes:
    """Make the ONNX graph: uint8 (N, 32, 32, 3), normalise, average over the image, one linear layer."""
    constants = {
        "scale": np.array(1 / 255, np.float32),
        "mean": np.array(INPUT["mean"], np.float32),
        "std": np.array(INPUT["std"], np.float32),
        "axes": np.array([1, 2], np.int64),
        "weights": weights,
        "bias": BIAS,
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["normal"]),
        helper.make_node("ReduceMean", ["normal", "axes"], ["average"], keepdims=0),
        helper.make_node("Gemm", ["average", "weights", "bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def golden_samples() -> list[GoldenSample]:
    """Make what the author's eager model would say, with numpy and the declared preparation."""
    spec = msgspec.convert(INPUT, InputSpec)
    samples = []
    for number, (rgb, form) in enumerate((((200, 40, 40), "PNG"), ((40, 180, 60), "PNG"), ((50, 60, 190), "JPEG"))):
        encoded = encode(colour_image(rgb, seed=number), form)
        pixels = prepare(Image.open(io.BytesIO(encoded)).convert("RGB"), spec)
        model_input = normalise(pixels, spec)
        samples.append(
            GoldenSample(
                name=f"golden/inputs/{number}.{'jpg' if form == 'JPEG' else 'png'}",
                encoded=encoded,
                pixels=pixels,
                model_input=model_input,
                raw_output=WEIGHTS @ model_input.mean(axis=(1, 2)) + BIAS,
            )
        )
    return samples


def colour_parts(graph: bytes | None = None, **fields: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """
    Give the manifest as plain data and the members of the bundle of colours, correct in every field.

    Args:
        graph: Another ONNX graph to store.
        fields: Top-level manifest fields to replace.
    """
    samples = golden_samples()
    members = {"artifacts/onnx/model.onnx": graph or colour_graph(), **encode_golden(samples)}
    manifest: dict[str, Any] = {
        "format": 1,
        "name": "colours",
        "task": "classification",
        "input": INPUT,
        "output": {"labels": list(LABELS)},
        "artifacts": [{"name": "onnx", "format": "onnx", "path": "artifacts/onnx/model.onnx"}],
        "executions": [{"artifact": "onnx", "runtime": "onnxruntime"}],
        "golden": {"inputs": [sample.name for sample in samples]},
        "provenance": {"created_by": "andon tests"},
        "files": declared_files(members),
        **fields,
    }
    return manifest, members


def declared_files(members: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Give the manifest's `files` for these members."""
    return {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)} for name, data in members.items()
    }


def write_colours(path: Path, graph: bytes | None = None, **fields: Any) -> Path:
    """Write the bundle of colours as an archive and return its path."""
    manifest, members = colour_parts(graph, **fields)
    write_bundle(path, msgspec.convert(manifest, Manifest), members)
    return path
