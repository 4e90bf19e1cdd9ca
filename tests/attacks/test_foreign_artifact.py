"""
Attack: an artifact of another format than declared, which a runtime that guesses would load by other rules.

Defence: the bytes must be ONNX, and ONNX Runtime is told so: it would also take its own format.
"""

from pathlib import Path

import pytest

import andon
from andon.bundle import onnx_file
from andon.errors import RuntimeFault
from andon.runtimes.onnx_runtime import import_onnxruntime
from tests.attacks.support import GRAPH, Contents, Lay, redeclared
from tests.support.bundles import colour_graph

FOREIGN = {
    "nothing": b"",
    "zeros": bytes(1000),
    "text": b"not a model",
    "json": b"{}",
    "elf": b"\x7fELF" + bytes(100),
    "a shell script": b"#!/bin/sh\nevil\n",
    "half a model": colour_graph()[:300],
    "a model and more": colour_graph() + b"evil",
    "a group that does not end": colour_graph() + b"\x0b",
    "an endless number": colour_graph() + b"\x08" + b"\xff" * 20,
}


def refusal(path: Path) -> RuntimeFault:
    """Give the error with which loading a path is refused."""
    with pytest.raises(RuntimeFault) as caught:
        andon.load(path)
    return caught.value


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_onnx_file_is_refused(data: bytes, contents: Contents, lay: Lay) -> None:
    """Correctly declared, it is refused before or by the runtime, which names the member."""
    error = refusal(lay(redeclared(contents, {GRAPH: data})))
    assert error.code == "runtime.load"
    assert GRAPH in error.where


@pytest.fixture(scope="module")
def ort_graph(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give the graph of colours in ONNX Runtime's own format."""
    path = tmp_path_factory.mktemp("ort") / "model.ort"
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(colour_graph(), options, providers=["CPUExecutionProvider"])
    return path.read_bytes()


def test_the_format_of_onnx_runtime_is_refused(contents: Contents, lay: Lay, ort_graph: bytes) -> None:
    """It is no ONNX file."""
    assert refusal(lay(redeclared(contents, {GRAPH: ort_graph}))).code == "runtime.load"


def test_onnx_runtime_does_not_guess(
    contents: Contents, lay: Lay, ort_graph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is both, and so passes as ONNX, is still not loaded by the rules of the other format."""
    monkeypatch.setattr(onnx_file, "find_external_files", lambda _: [])
    error = refusal(lay(redeclared(contents, {GRAPH: ort_graph})))
    assert "ONNX Runtime refuses the artifact" in error.message


def test_a_file_of_nothing_but_fields_is_refused(contents: Contents, lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walking over an artifact has a limit."""
    monkeypatch.setattr(onnx_file, "MAX_FIELDS", 1_000)
    error = refusal(lay(redeclared(contents, {GRAPH: b"\x08\x01" * 1_001})))
    assert "more than 1000 fields" in error.message
