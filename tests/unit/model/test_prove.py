"""Proof finds a planted fault at the stage where it is, and nothing where there is none."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from andon.bundle.golden import GoldenSample
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Artifact, Execution, Tolerance
from andon.bundle.output_spec import OutputSpec
from andon.errors import RuntimeFault
from andon.model.prove import Proof, check_preparation, grey_levels, is_clear, prove
from andon.model.steps import Steps
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime
from tests.support.bundles import INPUT, LABELS, colour_graph, colour_image, encode, golden_samples

SPEC = msgspec.convert(INPUT, InputSpec)
OUTPUT = OutputSpec(labels=LABELS)
TOLERANCE = Tolerance()
WEIGHTS = np.array([[4, -2, -2], [-2, 4, -2], [-2, -2, 4]], np.float32)


def opened(graph: bytes | None = None) -> Session:
    """Open the graph of colours, or another one."""
    artifact = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
    execution = Execution(artifact="onnx", runtime="onnxruntime")
    return OnnxRuntime().open(
        artifact,
        graph or colour_graph(),
        execution,
        SessionOptions(output_shape=(len(LABELS),)),
    )


def proof_of(
    samples: Sequence[GoldenSample] | None = None, spec: InputSpec = SPEC, session: Session | None = None
) -> Proof:
    """Prove, with everything sound that is not given."""
    return prove(golden_samples() if samples is None else samples, Steps(spec, OUTPUT), session or opened(), TOLERANCE)


def stages(proof: Proof) -> set[str]:
    """Name the stages that were not reproduced."""
    return {finding.stage for finding in proof.findings}


def declared(**fields: Any) -> InputSpec:
    """Make the input of colours with other fields."""
    return msgspec.convert({**INPUT, **fields}, InputSpec)


def replaced(sample: GoldenSample, **fields: Any) -> GoldenSample:
    """Copy a golden sample with other fields."""
    return msgspec.structs.replace(sample, **fields)


class FakeSession:
    """Answers what a test wants, to batches of any size."""

    input_shape = None

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.batches: list[int] = []

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Give the answer for a batch, or raise it."""
        self.batches.append(len(batch))
        answer = self._answer(batch)
        if isinstance(answer, Exception):
            raise answer
        return np.asarray(answer, np.float32)


def test_a_sound_bundle_is_reproduced_exactly() -> None:
    """No finding, pixels equal, raw outputs within float32."""
    proof = proof_of()
    assert proof.holds
    assert proof.samples == 3
    assert proof.worst_pixel_difference == 0
    assert proof.worst_output_difference < 1e-5


@pytest.mark.parametrize(
    "spec",
    [
        declared(color="BGR"),
        declared(resize={"mode": "shorter_side", "size": 40, "interpolation": "nearest"}),
        declared(resize={"mode": "shorter_side", "size": 40, "interpolation": "bicubic"}),
        declared(resize={"mode": "shorter_side", "size": 41}),
        declared(resize={"mode": "exact", "size": [40, 48]}, crop={"size": [32, 32], "offset": "floor"}),
        declared(resize={"mode": "exact", "size": [40, 50]}),
        declared(resize={"mode": "exact", "size": [32, 32]}, crop=None),
    ],
    ids=["channels", "nearest", "bicubic", "size", "sound", "one column", "squashed"],
)
def test_a_preparation_that_differs_is_found_at_its_pixels(spec: InputSpec, request: pytest.FixtureRequest) -> None:
    """Channels, kernel, size and crop; the one that only says the same in other words is sound."""
    found = stages(proof_of(spec=spec))
    assert ("pixels" in found) is ("sound" not in request.node.name)
    assert "raw output" not in found
    assert "model input" not in found


def test_a_crop_off_by_one_pixel_is_found() -> None:
    """Golden pixels that begin one column later."""
    samples = [replaced(sample, pixels=np.roll(sample.pixels, 1, axis=1)) for sample in golden_samples()]
    samples = [replaced(s, model_input=np.roll(s.model_input, 1, axis=2)) for s in samples]
    assert stages(proof_of(samples)) == {"pixels"}


@pytest.mark.parametrize(
    "fields",
    [
        {"mean": [0.5, 0.5, 0.5]},
        {"std": [0.5, 0.5, 0.5]},
        {"scale": 1.0},
        {"mean": [0.406, 0.456, 0.485]},
        {"mean": [0.485, 0.456, 0.411]},
    ],
    ids=["mean", "std", "range", "order", "one mean by 0.005"],
)
def test_a_normalisation_that_differs_is_found_at_the_model_input(fields: dict[str, Any]) -> None:
    """Mean, deviation and range of the manifest; the graph has its own and is sound."""
    assert stages(proof_of(spec=declared(**fields))) == {"model input"}


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_weights_that_differ_are_found_at_the_raw_output(row: int, share: float) -> None:
    """One row of one tensor off by one per cent is enough."""
    weights = WEIGHTS.copy()
    weights[row] *= 1 + share
    proof = proof_of(session=opened(colour_graph(weights)))
    assert "raw output" in stages(proof)
    assert stages(proof) <= {"raw output", "label"}
    assert TOLERANCE.relative < proof.worst_output_difference < 1


def test_classes_in_another_order_are_found_at_the_raw_output_and_the_label() -> None:
    """The label is told too, with the number that was expected."""
    proof = proof_of(session=opened(colour_graph(WEIGHTS[[1, 0, 2]])))
    assert stages(proof) == {"raw output", "label"}
    messages = [finding.message for finding in proof.findings if finding.stage == "label"]
    assert "the best class is number 1, expected number 0" in messages


def test_an_image_one_grey_level_off_passes_and_two_do_not() -> None:
    """Other builds of the libraries decode JPEG a level apart; more is another preparation."""
    for levels, holds in ((1, True), (2, False)):
        sample = golden_samples()[0]
        shifted = np.clip(sample.pixels.astype(int) + levels, 0, 255).astype(np.uint8)
        model_input = sample.model_input + (shifted.astype(np.float32) - sample.pixels).transpose(2, 0, 1) / (
            255 * np.array(INPUT["std"], np.float32).reshape(3, 1, 1)
        )
        raw_output = WEIGHTS @ model_input.mean(axis=(1, 2)) + np.array([0.1, -0.2, 0.3], np.float32)
        proof = proof_of([replaced(sample, pixels=shifted, model_input=model_input, raw_output=raw_output)])
        assert proof.holds is holds, levels
        assert proof.worst_pixel_difference == levels


def test_a_label_that_falls_the_other_way_is_found_though_each_stage_is_within_its_tolerance() -> None:
    """One grey level everywhere turns a label whose margin is clear: the stages add up."""
    expected = golden_samples()[0]
    prepared = expected.pixels
    pixels = np.clip(prepared.astype(int) + 1, 0, 255).astype(np.uint8)
    sample = replaced(expected, pixels=pixels, raw_output=np.array([10, 9.9, 0], np.float32))

    def answer(batch: np.ndarray) -> list[list[float]]:
        return [[10, 9.9, 0] if np.array_equal(image, pixels) else [9.9, 10, 0] for image in batch]

    proof = proof_of([sample], session=FakeSession(answer))
    assert {finding.stage for finding in proof.findings} - {"model input"} == {"label"}


def test_a_label_of_an_unclear_margin_may_fall_either_way() -> None:
    """Two classes within twice the tolerance of each other are no answer to hold anybody to."""
    unclear = np.array([10, 10 - 0.015, 0], np.float32)
    sample = replaced(golden_samples()[0], raw_output=unclear)
    session = FakeSession(lambda batch: np.tile([10 - 0.008, 10 - 0.006, 0], (len(batch), 1)))
    assert proof_of([sample], session=session).holds
    clear = replaced(sample, raw_output=np.array([10, 9.9, 0], np.float32))
    assert not proof_of([clear], session=session).holds


def test_a_margin_is_clear_beyond_twice_the_tolerance() -> None:
    """Measured against the largest raw output; one class alone is always clear."""
    for second, clear in ((9.97, True), (9.99, False), (10.0, False)):
        assert is_clear(np.array([-3, 10, second], np.float32), TOLERANCE) is clear, second
    assert is_clear(np.array([0.0], np.float32), TOLERANCE)


def test_both_ways_to_run_are_proven() -> None:
    """One sample alone, the others two at a time; a fault of either is found."""
    sound = opened()
    session = FakeSession(sound.run)
    assert proof_of(golden_samples() * 2, session=session).holds
    assert session.batches == [1, 2, 2, 1]
    for faulty in (1, 2):
        spoiled = FakeSession(lambda batch, faulty=faulty: sound.run(batch) * (1.1 if len(batch) == faulty else 1))
        assert "raw output" in stages(proof_of(golden_samples() * 2, session=spoiled)), faulty


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: RuntimeFault("out of memory", code="runtime.run"), "the graph failed: out of memory"),
        (lambda batch: np.full((len(batch), 3), np.nan), "numbers that are not finite"),
        (lambda batch: np.full((len(batch), 3), np.inf), "numbers that are not finite"),
        (lambda batch: np.zeros((len(batch), 2)), "answers with 2 numbers, the eager model with 3"),
        (lambda batch: np.zeros((len(batch) + 1, 3)), "gave raw outputs of the shape"),
        (lambda _: np.zeros(3), "gave raw outputs of the shape"),
    ],
    ids=["failure", "nan", "infinity", "columns", "rows", "axes"],
)
def test_a_session_that_fails_is_a_finding(answer: Any, message: str) -> None:
    """Never an exception; every sample says so, at the raw output."""
    proof = proof_of(session=FakeSession(answer))
    assert not proof.holds
    assert stages(proof) - {"label"} == {"raw output"}
    assert len([f for f in proof.findings if message in f.message]) == 3
    assert proof.worst_output_difference == float("inf")


def test_an_image_that_cannot_be_prepared_is_a_finding() -> None:
    """Named by its sample; the other samples are proven."""
    samples = golden_samples()
    samples[1] = replaced(samples[1], encoded=b"no image")
    proof = proof_of(samples)
    assert [(finding.sample, finding.stage) for finding in proof.findings] == [("golden/inputs/1.png", "pixels")]
    assert "not an image of a format that is taken" in proof.findings[0].message
    assert proof.worst_pixel_difference == float("inf")


def test_samples_of_several_sizes_are_proven_one_by_one() -> None:
    """Where a graph takes images of any size, golden samples need not be alike."""
    spec = declared(resize={"mode": "none"}, crop=None)
    samples = []
    for number, size in enumerate([(9, 7), (8, 8), (5, 11)]):
        image = colour_image((200, 40, 40), size, seed=number)
        pixels = np.asarray(image)
        model_input = (pixels / 255 - np.array(INPUT["mean"])) / np.array(INPUT["std"])
        samples.append(
            GoldenSample(
                name=f"golden/inputs/{number}.png",
                encoded=encode(image),
                pixels=pixels,
                model_input=model_input.transpose(2, 0, 1).astype(np.float32),
                raw_output=pixels.mean(axis=(0, 1), dtype=np.float32),
            )
        )
    session = FakeSession(lambda batch: batch.mean(axis=(1, 2), dtype=np.float32))
    assert proof_of(samples, spec, session).holds
    assert session.batches == [1, 1, 1]


def test_a_preparation_is_checked_by_itself() -> None:
    """`check_preparation` tells how far, on how much of the image, and what another shape is."""
    sample = golden_samples()[0]
    assert list(check_preparation(sample, sample.pixels, SPEC)) == []
    far = sample.pixels.copy()
    far[:16] ^= 0x80
    (finding,) = check_preparation(sample, far, SPEC)
    assert finding.message == "up to 128 grey levels apart on 50.0% of the pixels, allowed 1"
    (finding,) = check_preparation(sample, far[:-1], SPEC)
    assert "prepared to uint8 (31, 32, 3), expected uint8 (32, 32, 3)" in finding.message


def test_numbers_that_are_none_are_never_near_enough() -> None:
    """No comparison with them says that they are too far."""
    sample = replaced(golden_samples()[0], pixels=None)
    assert list(check_preparation(sample, sample.model_input, SPEC)) == []
    (finding,) = check_preparation(sample, np.full_like(sample.model_input, np.nan), SPEC)
    assert finding.stage == "model input"


def test_grey_levels_are_those_of_the_input() -> None:
    """A difference of model inputs times the deviation, over the scale; of one channel or three."""
    difference = np.zeros((3, 2, 2), np.float32)
    difference[1, 0, 1] = -1 / (255 * 0.224)
    assert grey_levels(difference, SPEC) == pytest.approx(1, rel=1e-5)
    assert grey_levels(difference[1:2], msgspec.convert({"color": "L", "std": [0.224]}, InputSpec)) == pytest.approx(1)
