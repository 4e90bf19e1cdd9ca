"""The three forms of torch become modules; whatever is wrong with one is a refusal that says so."""

import io
import logging
import zipfile
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from andon.build.export_torch import export_eager
from andon.bundle.manifest import Artifact
from andon.errors import EnvironmentFault, RuntimeFault
from andon.runtimes.torch_load import LoadedGraph, load_eager, load_pt2, load_torchscript
from tests.support.graphs import CLASSES, Form
from tests.support.torch_graphs import network_graph, torch_artifact

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]
CPU = torch.device("cpu")
FORM = Form()
WHERE = "artifacts/any/model"


def declared(kind: Any, factory: str = "tests.support.torch_graphs:gives_scores", **fields: Any) -> Artifact:
    """Declare an artifact of uint8 NHWC."""
    named = factory if kind == "eager" else None
    return Artifact(name=kind, format=kind, path=WHERE, factory=named, **fields)


def refused(load_form: Any, artifact: Artifact, data: bytes) -> str:
    """Give the message with which an artifact is refused as it is loaded."""
    with pytest.raises(RuntimeFault) as caught:
        load_form(artifact, data, CPU)
    assert (caught.value.code, caught.value.where) == ("runtime.load", WHERE)
    assert "\n" not in caught.value.message
    return caught.value.message


def answer_of(graph: LoadedGraph) -> torch.Tensor:
    """Ask for three images."""
    found = graph.module(torch.arange(3 * 12 * 12 * 3).reshape(3, 12, 12, 3).to(torch.uint8))
    assert isinstance(found, torch.Tensor)
    return found


def exported(network: nn.Module, *examples: torch.Tensor) -> bytes:
    """Export a network as an author would, without anything of ours around it."""
    written = io.BytesIO()
    free = tuple({0: torch.export.Dim("batch", min=1)} for _ in examples)
    torch.export.save(
        torch.export.export(network, examples, dynamic_shapes=(free,) if isinstance(network, Several) else free),
        written,
    )
    return written.getvalue()


def scripted(network: nn.Module) -> bytes:
    """Script a network."""
    written = io.BytesIO()
    torch.jit.save(torch.jit.script(network), written)
    return written.getvalue()


class Several(nn.Module):
    """Takes any number of tensors, and gives as many."""

    def forward(self, *images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Average each."""
        return tuple(image.float().mean(dim=(1, 2)) for image in images)


class Pair(nn.Module):
    """Takes two tensors."""

    def forward(self, image: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Add them."""
        return (image + other).float().mean(dim=[1, 2])


class Labels(nn.Module):
    """Gives what is no tensor."""

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Give a list."""
        return [image]


class Optional(nn.Module):
    """Takes a second argument that need not be given."""

    def forward(self, image: torch.Tensor, factor: float = 1.0) -> torch.Tensor:
        """Average."""
        return image.float().mean(dim=[1, 2]) * factor


def not_a_network() -> str:
    """Build something else."""
    return "network"


def fails() -> nn.Module:
    """Build nothing."""
    raise FileNotFoundError("weights.pth\nis not here")


def ends() -> nn.Module:
    """End the program."""
    raise SystemExit("usage: train.py")


def takes_two() -> nn.Module:
    """Build a network of two inputs."""
    return Pair()


@pytest.mark.parametrize(
    ("load_form", "kind"), [(load_pt2, "pt2"), (load_torchscript, "torchscript"), (load_eager, "eager")]
)
@pytest.mark.parametrize("batch", [1, "batch"])
def test_each_form_answers_as_its_graph(load_form: Any, kind: str, batch: int | str) -> None:
    """And says whether it takes one image only."""
    form = Form(batch=batch)
    graph = load_form(declared(kind, dynamic_batch=batch != 1), torch_artifact(kind, form), CPU)
    assert graph.takes_one == (batch == 1)
    if batch != 1:
        torch.testing.assert_close(
            answer_of(graph), answer_of(LoadedGraph(module=network_graph(form), takes_one=False))
        )


def test_a_program_says_what_it_takes_and_gives() -> None:
    """With the lengths that are open."""
    ports = load_pt2(declared("pt2"), torch_artifact("pt2", FORM), CPU).ports
    assert ports is not None
    assert [str(port) for side in ports for port in side] == [
        "image: uint8 (any, 12, 12, 3)",
        f"mean: float32 (any, {CLASSES})",
    ]


def test_all_inputs_and_outputs_of_a_program_are_told() -> None:
    """Whoever opens it refuses what is too many."""
    images = (torch.zeros(2, 4, 4, 3, dtype=torch.uint8), torch.zeros(2, 5, 4, 3, dtype=torch.uint8))
    ports = load_pt2(declared("pt2"), exported(Several(), *images), CPU).ports
    assert ports is not None
    assert tuple(map(len, ports)) == (2, 2)


def test_torchscript_of_several_tensors_is_refused() -> None:
    """With its forward as torch writes it; an argument that has a default is none."""
    assert "the forward is forward(" in refused(load_torchscript, declared("torchscript"), scripted(Pair()))
    assert "-> Tensor[]" in refused(load_torchscript, declared("torchscript"), scripted(Labels()))
    assert load_torchscript(declared("torchscript"), scripted(Optional()), CPU).ports is None


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("not_a_network", "gives a str, expected an nn.Module"),
        ("fails", "failed: FileNotFoundError: weights.pth"),
        ("ends", "failed: SystemExit: usage: train.py"),
        ("takes_two", "does not take one tensor of images"),
    ],
)
def test_a_factory_that_gives_no_network_is_named(factory: str, reason: str) -> None:
    """Whatever it does instead."""
    name = f"{__name__}:{factory}"
    message = refused(load_eager, declared("eager", name), torch_artifact("eager", FORM))
    assert name in message
    assert reason in message


def test_a_factory_that_is_not_installed_is_missing_here() -> None:
    """As a library would be."""
    with pytest.raises(EnvironmentFault) as caught:
        load_eager(declared("eager", "nowhere_to_be_found:net"), torch_artifact("eager", FORM), CPU)
    assert caught.value.code == "code.import"


def test_weights_of_another_network_are_refused_with_the_first_that_differs() -> None:
    """Too few, too many, or of another shape."""
    tensors = load(torch_artifact("eager", FORM))
    name = "model.conv.weight"
    without = {key: tensor for key, tensor in tensors.items() if key != name}
    assert f"lack 1 tensors of the network of tests.support.torch_graphs:gives_scores, among them {name!r}" in refused(
        load_eager, declared("eager"), save(without)
    )
    assert "have besides 1 tensors" in refused(load_eager, declared("eager"), save({**tensors, "a": torch.ones(1)}))
    assert f"{name!r} is (4, 3, 1, 1), the network" in refused(
        load_eager, declared("eager"), save({**tensors, name: torch.ones(4, 3, 1, 1)})
    )


def test_eager_weights_have_a_normalisation_where_images_are_pixels() -> None:
    """And none where the author's own code makes the model inputs."""
    with_it, without = torch_artifact("eager", FORM), torch_artifact("eager", Form(dtype="float32", layout="NCHW"))
    assert "with the tensors factor and shift for the layout NHWC" in refused(load_eager, declared("eager"), without)
    floats = declared("eager", dtype="float32", layout="NCHW")
    assert "without the tensors factor and shift for the layout NCHW" in refused(load_eager, floats, with_it)


def test_weights_of_other_floats_are_computed_as_float32() -> None:
    """The network is that of the factory; bfloat16 is only how its weights were stored."""
    tensors = {name: tensor.bfloat16() for name, tensor in load(torch_artifact("eager", FORM)).items()}
    assert answer_of(load_eager(declared("eager"), save(tensors), CPU)).dtype == torch.float32


def test_loading_leaves_torchs_log_as_it_was() -> None:
    """Also where it fails."""
    logger = logging.getLogger("torch.export")
    before = logger.level
    refused(load_pt2, declared("pt2"), b"")
    load_pt2(declared("pt2"), torch_artifact("pt2", FORM), CPU)
    assert logger.level == before


def test_what_an_author_exported_is_read() -> None:
    """With its example inputs and traces of his machine, which torch then does not see."""
    data = exported(network_graph(FORM), torch.zeros(2, 12, 12, 3, dtype=torch.uint8))
    np.testing.assert_allclose(
        answer_of(load_pt2(declared("pt2"), data, CPU)).detach(),
        answer_of(load_pt2(declared("pt2"), torch_artifact("pt2", FORM), CPU)).detach(),
        rtol=1e-6,
    )


def test_export_and_load_of_eager_agree_on_names() -> None:
    """What is written fits strictly."""
    data = export_eager(network_graph(FORM), "tests.support.torch_graphs:gives_scores")
    assert load_eager(declared("eager"), data, CPU).ports is None


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Change the text of a program's graph."""
    anew = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(anew, "w") as written:
        for name in archive.namelist():
            content = archive.read(name)
            written.writestr(name, content.replace(old, new) if name.endswith("models/model.json") else content)
    return anew.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b'{"major": 8', b'{"major": 9', "schema version"),
        (b"aten.conv2d.default", b"aten.bend.default", "torch.ops.aten.bend.default"),
    ],
)
def test_the_reason_why_torch_refuses_a_program_is_told(old: bytes, new: bytes, named: str) -> None:
    """Another version of torch, or an operator that is not installed: `torch.export.load` itself keeps it back."""
    data = torch_artifact("pt2", Form())
    assert named in refused(load_pt2, declared("pt2"), changed(data, old, new))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_program_may_answer_with_other_floats(dtype: torch.dtype) -> None:
    """The session brings them to float32, so that is what the program is said to give."""

    class Other(nn.Module):
        """Averages over the image."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            """Take uint8 (N, H, W, C)."""
            return image.to(dtype).mean(dim=(1, 2))

    graph = load_pt2(
        declared("pt2"), exported(Other(), torch.zeros(2, 4, 4, 3, dtype=torch.uint8)), torch.device("cpu")
    )
    assert graph.ports is not None
    assert [port.dtype for port in graph.ports[1]] == ["float32"]
