"""Every source of models keeps the contract of `andon.build.sources.base`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import Struct
from onnx import TensorProto

from andon.build.artifacts import make_candidate
from andon.build.graph_input import GraphInput
from andon.build.sources.base import Source
from andon.build.sources.find import opened
from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import OutputSpec
from andon.errors import PackError
from andon.tensors import FloatArray, UInt8Array, relative_difference
from andon.vision.prepare import normalise
from tests.support.author import INPUT, LABELS, Net
from tests.support.given import (
    SIDE,
    Halving,
    Mixing,
    exported,
    frozen,
    graph,
    scripted,
    traced,
    write_onnx,
    write_program,
    write_script,
)

pytestmark = pytest.mark.slow

OUTPUT = OutputSpec(labels=tuple(LABELS))
SPEC = msgspec.convert(INPUT, InputSpec)
LEVELS = InputSpec(scale=1.0)
"""What is declared for a model that normalises itself."""


class Given(Struct, frozen=True, kw_only=True):
    """A model as an author has it, and what goes with it."""

    make: Callable[[Path], Any]
    side: int = 56
    spec: InputSpec = SPEC
    factory: str | None = None
    knows_its_size: bool = True
    takes_floats: bool = True
    tolerance: float = 1e-5


GIVEN = {
    "module": Given(make=lambda _: Net(), factory="tests.support.author:Net", knows_its_size=False),
    "module that mixes a batch": Given(
        make=lambda _: Mixing(), factory="tests.support.given:Mixing", knows_its_size=False
    ),
    "module of float16 outputs": Given(
        make=lambda _: Halving(),
        factory="tests.support.given:Halving",
        knows_its_size=False,
        tolerance=2**-10,  # what rounding to 11 bits may do, on both sides
    ),
    "exported object": Given(make=lambda _: exported()),
    "exported file": Given(make=lambda folder: write_program(exported(), folder / "net.pt2")),
    "exported for one image": Given(make=lambda folder: write_program(exported(batch=1), folder / "net.pt2")),
    "script object": Given(make=lambda _: scripted(), knows_its_size=False),
    "script file": Given(make=lambda folder: write_script(scripted(), folder / "net.pt"), knows_its_size=False),
    "traced file": Given(make=lambda folder: write_script(traced(), folder / "net.pt"), knows_its_size=False),
    "frozen script": Given(make=lambda folder: write_script(frozen(), folder / "net.pt"), knows_its_size=False),
    "onnx": Given(make=lambda folder: write_onnx(graph(), folder / "net.onnx"), side=SIDE),
    "onnx NHWC": Given(make=lambda folder: write_onnx(graph(layout="NHWC"), folder / "net.onnx"), side=SIDE),
    "onnx for one image": Given(
        make=lambda folder: write_onnx(graph(shape=[1, 3, SIDE, SIDE]), folder / "net.onnx"), side=SIDE
    ),
    "onnx with normalisation": Given(
        make=lambda folder: write_onnx(graph(inside=True), folder / "net.onnx"), side=SIDE, spec=LEVELS
    ),
    "onnx of uint8": Given(
        make=lambda folder: write_onnx(graph(inside=True, dtype=TensorProto.UINT8), folder / "net.onnx"),
        side=SIDE,
        spec=LEVELS,
        takes_floats=False,
    ),
    "onnx of uint8 NHWC": Given(
        make=lambda folder: write_onnx(graph(inside=True, dtype=TensorProto.UINT8, layout="NHWC"), folder / "net.onnx"),
        side=SIDE,
        spec=LEVELS,
        takes_floats=False,
    ),
    "onnx of float16": Given(
        make=lambda folder: write_onnx(
            graph(dtype=TensorProto.FLOAT16, outputs=[("scores", TensorProto.FLOAT16)]), folder / "net.onnx"
        ),
        side=SIDE,
        tolerance=2**-11,  # what rounding to 11 bits may do
    ),
    "onnx of any size": Given(
        make=lambda folder: write_onnx(graph(shape=["N", 3, None, None]), folder / "net.onnx"),
        side=SIDE,
        knows_its_size=False,
    ),
}


class Opened(Struct, frozen=True, kw_only=True):
    """An opened source, and what it was made of."""

    given: Given
    model: Any
    source: Source


@pytest.fixture(scope="module", params=GIVEN)
def item(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Each source in turn, opened once."""
    given = GIVEN[request.param]
    model = given.make(tmp_path_factory.mktemp("given"))
    with opened(model, factory=given.factory) as source:
        yield Opened(given=given, model=model, source=source)


def pixels(item: Opened, count: int) -> UInt8Array:
    """Make prepared pixels of noise."""
    side = item.given.side
    return np.random.default_rng(count).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def answers(item: Opened, images: UInt8Array) -> FloatArray:
    """Ask the given model about each image alone."""
    return np.stack([item.source.answer(normalise(image, item.given.spec)) for image in images])


def size(item: Opened) -> tuple[int, int]:
    """Height and width that the model takes."""
    return item.given.side, item.given.side


def wanted(item: Opened) -> GraphInput:
    """Pixels, prepared as is declared for it."""
    return GraphInput(item.given.spec, size(item))


def test_an_answer_is_a_copy_in_float32(item: Opened) -> None:
    """It has no axis for the batch, is the same each time, and shares nothing; the model input stays as it was."""
    (image,) = pixels(item, 1)
    model_input = normalise(image, item.given.spec)
    before = model_input.copy()
    first, second = item.source.answer(model_input), item.source.answer(model_input)
    assert (first.shape, first.dtype) == ((len(LABELS),), np.float32)
    assert first.flags.c_contiguous
    assert np.array_equal(first, second)
    first[:] = 0
    assert not np.array_equal(item.source.answer(model_input), first)
    assert np.array_equal(model_input, before)


def test_a_model_input_that_it_cannot_take_is_told(item: Opened) -> None:
    """Nothing of torch's or ONNX Runtime's errors comes through."""
    with pytest.raises(PackError) as caught:
        item.source.answer(np.zeros((5, *size(item)), np.float32))
    assert caught.value.code in {"pack.model", "pack.input"}


def test_another_size_is_refused_by_a_model_that_knows_its_own(item: Opened) -> None:
    """Before anything is run; the declaration that fits passes."""
    item.source.require_fit(item.given.spec, size(item))
    if item.given.knows_its_size:
        with pytest.raises(PackError) as caught:
            item.source.require_fit(item.given.spec, (item.given.side, item.given.side + 1))
        assert caught.value.code == "pack.input"
        assert str(item.given.side) in caught.value.message


def test_what_is_usual_is_possible(item: Opened) -> None:
    """The usual forms are among the possible ones, ONNX first: it loads without trust."""
    assert set(item.source.usual_forms) <= set(item.source.forms)
    assert item.source.usual_forms[0] == "onnx"


def test_every_form_answers_as_the_given_model(item: Opened) -> None:
    """One image alone and three at once, in the runtime that every sample is compared in."""
    images = pixels(item, 3)
    expected = answers(item, images)
    for form in item.source.forms:
        candidate = make_candidate(item.source, form, wanted(item), OUTPUT)
        for count in (1, 3):
            found = candidate.session.run(images[:count])
            assert relative_difference(found, expected[:count]) <= item.given.tolerance, form


def test_every_form_takes_what_own_code_gives(item: Opened) -> None:
    """Floats go to the model as they are; one that takes uint8 is refused with what to do."""
    own = GraphInput(InputSpec(prepare="own:code"), size(item), takes_floats=True)
    model_inputs = np.random.default_rng(4).normal(size=(3, 3, *size(item))).astype(np.float32)
    for form in item.source.forms:
        if not item.given.takes_floats:
            with pytest.raises(PackError, match="the graph takes uint8") as caught:
                make_candidate(item.source, form, own, OUTPUT)
            assert (caught.value.code, caught.value.hint) == ("pack.prepare", "let it return uint8 (H, W, C)")
            continue
        candidate = make_candidate(item.source, form, own, OUTPUT)
        assert (candidate.artifact.dtype, candidate.artifact.layout) == ("float32", "NCHW")
        expected = np.stack([item.source.answer(model_input) for model_input in model_inputs])
        for count in (1, 3):
            found = candidate.session.run(model_inputs[:count])
            assert relative_difference(found, expected[:count]) <= item.given.tolerance, form


def test_two_makings_give_the_same_bytes_without_this_machine(item: Opened) -> None:
    """No path, trace or name is left in them."""
    for form in item.source.forms:
        made = item.source.make(form, wanted(item))
        assert made.data == item.source.make(form, wanted(item)).data, form
        for trace in (b"/home/", b"site-packages", b"stack_trace", str(Path.cwd()).encode()):
            assert trace not in made.data, form


def test_a_form_that_takes_one_image_says_so(item: Opened) -> None:
    """Who wonders why it is slow finds a note."""
    for form in item.source.forms:
        made = item.source.make(form, wanted(item))
        assert made.dynamic_batch == (not made.note), form


def test_the_authors_object_is_left_as_it_was(item: Opened) -> None:
    """A network in training mode is in training mode afterwards."""
    net = Net().train()
    net.head.eval()
    with opened(net) as source:
        source.answer(np.zeros((3, 56, 56), np.float32))
        assert not net.training
    assert net.training
    assert not net.head.training
