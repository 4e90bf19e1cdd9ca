"""Tests of the artifacts that torch itself runs."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from andon.build.export import example_of, normalised_graph
from andon.build.export_torch import export_eager, export_pt2, export_torchscript
from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Artifact, Execution
from andon.errors import PackError
from andon.runtimes.base import SessionOptions
from andon.runtimes.registry import get_runtime
from tests.support.author import INPUT, Net
from tests.support.given import scripted

pytestmark = pytest.mark.slow

SPEC = msgspec.convert(INPUT, InputSpec)
SIZE = (56, 56)
WANTED = GraphInput(SPEC, SIZE)
FACTORY = "tests.support.author:Net"


def graph(network: nn.Module | None = None) -> nn.Module:
    """Put the normalisation in front of a network."""
    return normalised_graph((network or Net()).eval(), WANTED)


def example(*, many: bool = True) -> torch.Tensor:
    """Give images to trace with."""
    return example_of(WANTED, dynamic_batch=many)


def write(form: str, network: nn.Module | None = None) -> bytes:
    """Write a network in a form."""
    if form == "eager":
        return export_eager(graph(network), FACTORY)
    export: Any = {"pt2": export_pt2, "torchscript": export_torchscript}[form]
    return bytes(export(graph(network), example()))


FORMS = ["pt2", "torchscript", "eager"]


@pytest.mark.parametrize("form", FORMS)
def test_the_runtime_answers_as_the_graph(form: str) -> None:
    """For one image and for three."""
    artifact = Artifact(
        name=form, format=form, path=f"artifacts/{form}/model", factory=FACTORY if form == "eager" else None
    )
    execution = Execution(artifact=form, runtime="torch")
    session = get_runtime("torch").open(artifact, write(form), execution, SessionOptions(output_shape=(4,)))
    pixels = np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3)).astype(np.uint8)
    with torch.no_grad():
        expected = graph()(torch.from_numpy(pixels)).numpy()
    assert np.allclose(session.run(pixels), expected, atol=1e-5)
    assert np.allclose(session.run(pixels[:1]), expected[:1], atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_graph_gives_the_same_bytes_without_this_machine(form: str) -> None:
    """Though torch counts its classes through the process."""
    first, second = write(form), write(form)
    assert first == second
    contents = [first]
    if form != "eager":
        with zipfile.ZipFile(io.BytesIO(first)) as archive:
            contents = [archive.read(name) + name.encode() for name in archive.namelist()]
    for content in contents:
        for trace in (str(Path(__file__).parents[3]).encode(), b"site-packages", b"stack_trace", b".debug_pkl"):
            assert trace not in content


def test_a_program_holds_nothing_pickled() -> None:
    """Its example inputs are empty, and no tensor is marked for the unpickler."""
    with zipfile.ZipFile(io.BytesIO(write("pt2"))) as archive:
        assert archive.read("archive/data/sample_inputs/model.pt") == b""
        config = json.loads(archive.read("archive/data/weights/model_weights_config.json"))["config"]
    assert config
    assert not any(stored["use_pickle"] for stored in config.values())


def test_a_script_keeps_its_branches() -> None:
    """It is a part of what is traced, and not traced itself."""
    data = export_torchscript(graph(scripted()), example())
    code = zipfile.ZipFile(io.BytesIO(data))
    text = b"".join(code.read(name) for name in code.namelist() if name.endswith(".py"))
    assert b"if bool" in text


def test_a_program_for_one_image_takes_one() -> None:
    """As it was asked for."""
    program = torch.export.load(io.BytesIO(export_pt2(graph(), example(many=False), dynamic_batch=False)))
    (images,) = (node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs)
    assert tuple(images.meta["val"].shape) == (1, *SIZE, 3)


class _Branching(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = super().forward(x)
        return scores if scores.sum() > 0 else -scores


class _Failing(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).view(7)


@pytest.mark.parametrize(("form", "network"), [("pt2", _Branching()), ("pt2", _Failing()), ("torchscript", _Failing())])
def test_what_cannot_be_traced_names_the_line(form: str, network: nn.Module, capfd: pytest.CaptureFixture[str]) -> None:
    """Torch's own words stay off the terminal."""
    with pytest.raises(PackError) as caught:
        write(form, network)
    assert caught.value.code == "pack.export"
    assert "test_export_torch.py" in caught.value.where
    assert capfd.readouterr() == ("", "")


def other_classes() -> nn.Module:
    """Build the network for another number of classes."""
    return Net(classes=7)


def failing() -> nn.Module:
    """Fail."""
    raise OSError("no such pretrained weights")


def wants_arguments(classes: int) -> nn.Module:
    """Want to be told something."""
    return Net(classes)


class Extended(Net):
    """The network with one more layer."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Linear(4, 4)


HERE = "tests.unit.build.test_export_torch"


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (f"{HERE}:other_classes", "'head.weight' is (4, 24), that of the factory (7, 24), and 1 more"),
        (f"{HERE}:Extended", "'extra.weight' is only in the network of the factory"),
        ("tests.support.author:photos", "gives a list"),
        (f"{HERE}:failing", "no such pretrained weights"),
        (f"{HERE}:wants_arguments", "classes"),
        (f"{HERE}:nowhere", "nowhere"),
        ("nowhere:nothing", "nowhere"),
        ("nothing", "nothing"),
    ],
)
def test_a_factory_of_another_network_is_refused(factory: str, words: str) -> None:
    """Before anything is written; what differs is named."""
    with pytest.raises(PackError) as caught:
        export_eager(graph(), factory)
    assert caught.value.code == "pack.weights"
    assert words in caught.value.message
    assert caught.value.hint


def test_weights_that_the_factory_does_not_know_are_refused() -> None:
    """They would be lost."""
    with pytest.raises(PackError, match=r"'extra\.weight' is only in the given model"):
        export_eager(graph(Extended()), FACTORY)
