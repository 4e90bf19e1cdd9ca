"""One sentence says which graphs are from images to raw outputs; all others are refused, and listed."""

from typing import Any

import pytest

from andon.bundle.manifest import Artifact
from andon.errors import RuntimeFault
from andon.runtimes.ports import Port, require_images_to_outputs

PIXELS = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
FLOATS = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx", layout="NCHW", dtype="float32")
IMAGE = Port(name="image", dtype="uint8", shape=(None, 4, 6, 3))
SCORES = Port(name="scores", dtype="float32", shape=(None, 2))


def refused(inputs: list[Port], outputs: list[Port], artifact: Artifact = PIXELS, wanted: Any = (2,)) -> str:
    """Give the message with which ports are refused."""
    with pytest.raises(RuntimeFault) as caught:
        require_images_to_outputs(inputs, outputs, artifact, wanted)
    assert caught.value.code == "runtime.load"
    assert caught.value.where == PIXELS.path
    return caught.value.message


@pytest.mark.parametrize("batch", [None, 1])
@pytest.mark.parametrize("sides", [(4, 6), (None, None), (4, None)])
@pytest.mark.parametrize("wanted", [None, (2,), (None,)])
def test_a_batch_of_images_to_raw_outputs_passes(batch: int | None, sides: tuple[int | None, ...], wanted: Any) -> None:
    """Whether axes are fixed or open, on either side."""
    image = Port(name="image", dtype="uint8", shape=(batch, *sides, 3))
    require_images_to_outputs([image], [SCORES], PIXELS, wanted)
    require_images_to_outputs([image], [Port(name="scores", dtype="float32", shape=(batch, None))], PIXELS, wanted)


def test_a_map_passes_where_it_is_wanted() -> None:
    """Raw outputs may have any number of axes; all that are fixed must fit."""
    found = Port(name="map", dtype="float32", shape=(None, 2, 4, None))
    require_images_to_outputs([IMAGE], [found], PIXELS, (2, None, None))
    assert "float32 (N, 2, 5, any)" in refused([IMAGE], [found], wanted=(2, 5, None))


@pytest.mark.parametrize(
    "image",
    [
        Port(name="image", dtype="float32", shape=(None, 4, 6, 3)),
        Port(name="image", dtype="uint8", shape=(None, 4, 6)),
        Port(name="image", dtype="uint8", shape=(8, 4, 6, 3)),
        Port(name="image", dtype="uint8", shape=None),
    ],
    ids=["dtype", "axes", "batches of eight", "unknown"],
)
def test_an_input_that_is_no_batch_of_images_is_refused(image: Port) -> None:
    """The artifact's dtype and layout are said, and what there is."""
    message = refused([image], [SCORES])
    assert message == f"expected one input of uint8 (N, H, W, C), the graph has {image}"


def test_the_input_is_that_of_the_artifact() -> None:
    """Floats of the author's own `prepare` are NCHW."""
    require_images_to_outputs([Port(name="x", dtype="float32", shape=(None, 3, 4, 6))], [SCORES], FLOATS, (2,))
    assert "expected one input of float32 (N, C, H, W)" in refused([IMAGE], [SCORES], FLOATS)


def test_none_and_several_are_refused() -> None:
    """Which of several counts is not guessed."""
    assert refused([], [SCORES]).endswith("the graph has none")
    assert refused([IMAGE, IMAGE], [SCORES]).endswith("image: uint8 (any, 4, 6, 3), image: uint8 (any, 4, 6, 3)")
    assert refused([IMAGE], []).endswith(
        "expected one output of float32 (N, 2), as the labels want it, the graph has none"
    )
    assert "expected one output" in refused([IMAGE], [SCORES, SCORES])


@pytest.mark.parametrize(
    "scores",
    [
        Port(name="scores", dtype="float16", shape=(None, 2)),
        Port(name="scores", dtype="float32", shape=(None, 3)),
        Port(name="scores", dtype="float32", shape=(None, 2, 1)),
        Port(name="scores", dtype="seq(tensor(float))", shape=None),
    ],
    ids=["dtype", "length", "axes", "no tensor"],
)
def test_other_outputs_are_refused(scores: Port) -> None:
    """The message lists them in the words of the library where numpy has none."""
    assert refused([IMAGE], [scores]).endswith(f"the graph has {scores}")


def test_unknown_axes_are_said() -> None:
    """Open lengths and unknown shapes have words."""
    assert str(SCORES) == "scores: float32 (any, 2)"
    assert str(Port(name="x", dtype="uint8", shape=None)) == "x: uint8 of any shape"


@pytest.mark.parametrize(
    ("shape", "image"),
    [((None, 4, 6, 3), (4, 6, 3)), ((1, 4, None, 3), None), ((None, 4, 6), None), (None, None)],
)
def test_the_shape_of_one_image_is_known_where_it_is_fixed(shape: Any, image: Any) -> None:
    """The batch axis does not count."""
    assert Port(name="image", dtype="uint8", shape=shape).image_shape == image


@pytest.mark.parametrize(("shape", "takes_one"), [((1, 2), True), ((None, 2), False), ((), False), (None, False)])
def test_a_graph_takes_one_image_where_its_batch_axis_is_one(shape: Any, *, takes_one: bool) -> None:
    """An open axis takes any number."""
    assert Port(name="image", dtype="uint8", shape=shape).takes_one is takes_one
