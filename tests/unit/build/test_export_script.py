"""Tests of the conversion of TorchScript to ONNX."""

from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import torch

from andon.build.export import INPUT_NAME, OUTPUT_NAME
from andon.build.export_script import export_script
from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.runtimes.onnx_runtime import import_onnxruntime
from andon.vision.prepare import normalise
from tests.support.author import INPUT, Net
from tests.support.given import scripted, traced

pytestmark = pytest.mark.slow

SPEC = msgspec.convert(INPUT, InputSpec)
SIZE = (56, 56)
WANTED = GraphInput(SPEC, SIZE)


def run(data: bytes, images: np.ndarray) -> Any:
    """Run an artifact."""
    session = import_onnxruntime().InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT_NAME], {INPUT_NAME: images})[0]


def test_both_sides_of_a_branch_are_in_the_file() -> None:
    """Which side is taken hangs on the image, as in the script."""
    script, data = scripted(), export_script(scripted(), WANTED, dynamic_batch=True)
    turned = []
    for level in (20, 230):
        image = np.full((1, *SIZE, 3), level, np.uint8)
        model_input = torch.from_numpy(normalise(image[0], SPEC))[None]
        with torch.no_grad():
            straight = script.head(script.body(model_input).mean(dim=[2, 3])).numpy()
            expected = script(model_input).numpy()
        assert np.allclose(run(data, image), expected, atol=1e-5)
        turned.append(not np.allclose(straight, expected))
    assert turned == [True, False]


@pytest.mark.parametrize("many", [True, False], ids=["many", "one"])
def test_the_batch_is_free_or_one(many: object) -> None:
    """As it was asked for; the file is sound."""
    data = export_script(traced(), WANTED, dynamic_batch=bool(many))
    model = onnx.load_model_from_string(data)
    onnx.checker.check_model(model)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == (0 if many else 1)
    assert run(data, np.zeros((3 if many else 1, *SIZE, 3), np.uint8)).shape == (3 if many else 1, 4)


def test_the_same_network_gives_the_same_bytes() -> None:
    """Though torch counts the classes of scripts through the process."""
    first, second = (export_script(scripted(), WANTED, dynamic_batch=True) for _ in range(2))
    assert first == second


class _Bessel(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.i0(super().forward(x))


def test_an_operator_that_onnx_lacks_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """The way out is TorchScript itself; torch's dump of the graph stays off the terminal."""
    with pytest.raises(PackError, match="aten::i0") as caught:
        export_script(traced(_Bessel()), WANTED, dynamic_batch=True)
    assert caught.value.code == "pack.export"
    assert 'artifacts=["torchscript"]' in caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_torchs_log_writes_again_afterwards() -> None:
    """It is replaced for the time of the conversion only."""
    log = torch._C._jit_onnx_log  # noqa: SLF001 -- what is replaced
    with pytest.raises(PackError):
        export_script(traced(_Bessel()), WANTED, dynamic_batch=True)
    assert torch._C._jit_onnx_log is log  # noqa: SLF001 -- as above
