"""Tests of the export: normalisation inside, any batch, nothing of this machine."""

import msgspec
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from andon.build.export import INPUT_NAME, OUTPUT_NAME, export_onnx, normalised_graph, raw_scores
from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.runtimes.onnx_runtime import import_onnxruntime
from andon.vision.prepare import normalise
from tests.support.author import INPUT, Net

SPEC = msgspec.convert(INPUT, InputSpec)


@pytest.fixture(scope="module")
def exported() -> bytes:
    """The small network as an ONNX file; do not change it."""
    return export_onnx(Net().eval(), GraphInput(SPEC, (56, 56)))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_graph_takes_uint8_and_any_batch(exported: bytes, count: int) -> None:
    """Pixels go in as they are; the answer is that of the eager model behind the declared normalisation."""
    pixels = np.random.default_rng(count).integers(0, 256, (count, 56, 56, 3)).astype(np.uint8)
    session = import_onnxruntime().InferenceSession(exported, providers=["CPUExecutionProvider"])
    (found,) = session.run([OUTPUT_NAME], {INPUT_NAME: pixels})
    with torch.no_grad():
        expected = Net().eval()(torch.from_numpy(np.stack([normalise(image, SPEC) for image in pixels])))
    assert np.allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_nothing_of_the_machine_is_left_in_the_file(exported: bytes) -> None:
    """No documentation, no metadata, no symbol that changes from run to run."""
    model = onnx.load_from_string(exported)
    onnx.checker.check_model(model)
    for node in model.graph.node:
        assert not node.doc_string
        assert not node.metadata_props
    assert not model.metadata_props
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert model.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_the_normalised_graph_does_what_the_declaration_says() -> None:
    """One factor and one shift a channel are scale, mean and std."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 7, 3)).astype(np.uint8)
    graph = normalised_graph(nn.Identity(), GraphInput(SPEC, (56, 56)))
    expected = np.stack([normalise(image, SPEC) for image in pixels])
    assert np.allclose(graph(torch.from_numpy(pixels)).numpy(), expected, atol=1e-6)


class _Looping(Net):
    """Loops over the batch in Python, which fixes it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([super(_Looping, self).forward(image[None])[0] for image in x])


class _Decomposing(Net):
    """Calls an operator that ONNX lacks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + torch.linalg.svd(x.mean(1)).S.sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "words", "line"),
    [(_Looping(), "batch", ""), (_Decomposing(), "aten::_linalg_svd", "torch.linalg.svd(x.mean(1))")],
)
def test_a_model_that_does_not_export_names_operator_and_line(
    model: nn.Module, words: str, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The author is told what and where, and torch's own dumps stay off the terminal."""
    with pytest.raises(PackError) as caught:
        export_onnx(model.eval(), GraphInput(SPEC, (56, 56)))
    assert caught.value.code == "pack.export"
    assert words in caught.value.message
    assert line in caught.value.where
    assert caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_scores_are_found_in_the_usual_answers() -> None:
    """A tensor, a tuple of one and anything with logits."""
    scores = torch.zeros(1, 2)

    class Output:
        logits = scores

    for answer in (scores, (scores,), [scores], {"logits": scores, "loss": 1}, Output()):
        assert raw_scores(answer) is scores
    for answer in ((scores, scores), {"out": scores}, None, 3.0):
        with pytest.raises(PackError, match="expected one tensor"):
            raw_scores(answer)


def test_levels_of_more_than_8_bits_are_normalised_inside() -> None:
    """Range, scale, mean and std of a deep declaration, for each level that prepared pixels can have."""
    spec = InputSpec(color="L", depth=12, range=(100, 3900), mean=(0.5,), std=(0.25,))
    pixels = np.arange(100, 3901, dtype=np.uint16).reshape(1, -1, 1)
    graph = normalised_graph(nn.Identity(), GraphInput(spec, (56, 56)))
    found = graph(torch.from_numpy(pixels[np.newaxis]))[0].numpy()
    np.testing.assert_allclose(found, normalise(pixels, spec), atol=1e-6)
    assert (found.min(), found.max()) == (pytest.approx(-2), pytest.approx(2))
