"""Which candidate comes first."""

import pytest

from andon.build.optimize.candidates import Form, Tried
from andon.build.optimize.choice import choose, gain, listed_in_order, with_speeds
from andon.bundle.evidence import CandidateEvidence, Fate, Speed
from andon.bundle.manifest import Artifact, Execution, Precision


def tried(
    runtime: str, precision: Precision, per_s: float, fate: Fate = "listed", data: bytes = b"", alone_ms: float = 10.0
) -> Tried:
    """Make a candidate of one thread that runs so many images a second in batches of eight."""
    form = Form(
        artifact=Artifact(name="onnx", format="onnx", path="model.onnx"),
        data=data,
        execution=Execution(artifact="onnx", runtime=runtime, precision=precision),
    )
    speeds = (Speed(threads=1, batch=1, batch_ms=alone_ms), Speed(threads=1, batch=8, batch_ms=8e3 / per_s))
    evidence = CandidateEvidence(artifact="onnx", runtime=runtime, precision=precision, fate=fate, speeds=speeds)
    return Tried(form=form, evidence=evidence)


NOW = tried("onnxruntime", "fp32", 120)


def fates(*candidates: Tried) -> list[Fate]:
    """Choose among these, of which the first one is first now."""
    return [each.evidence.fate for each in choose(candidates, 0, "throughput")]


def test_the_fastest_that_holds_comes_first() -> None:
    """And what it was chosen over is listed after it."""
    assert fates(NOW, tried("openvino", "bf16", 240), tried("openvino", "int8", 400)) == ["listed", "listed", "first"]


@pytest.mark.parametrize("fate", ["refused", "failed"])
def test_what_does_not_hold_never_comes_first(fate: Fate) -> None:
    """However fast it is."""
    assert fates(NOW, tried("openvino", "int8", 9000, fate), tried("openvino", "bf16", 240)) == [
        "listed",
        fate,
        "first",
    ]
    assert fates(NOW, tried("openvino", "int8", 9000, fate)) == ["first", fate]


def test_what_is_hardly_faster_does_not_come_first() -> None:
    """9 % is within the scatter; what is slower than now is not listed, but for fp32 to fall back on."""
    assert fates(NOW, tried("openvino", "bf16", 130)) == ["first", "slower"]
    assert fates(NOW, tried("openvino", "bf16", 100), tried("openvino", "fp32", 50)) == ["first", "slower", "listed"]


def test_of_two_as_fast_the_more_exact_one_comes_first() -> None:
    """5 % faster is no reason to take 8 bits."""
    assert fates(NOW, tried("openvino", "int8", 315), tried("openvino", "bf16", 300)) == ["listed", "listed", "first"]


def test_one_artifact_in_int8_is_listed_at_most() -> None:
    """The same one in another runtime costs nothing."""
    one, same = tried("openvino", "int8", 400, data=b"1"), tried("onnxruntime", "int8", 200, data=b"1")
    assert fates(NOW, one, same, tried("openvino", "int8", 390, data=b"2")) == ["listed", "first", "listed", "slower"]


def test_for_latency_single_images_count() -> None:
    """One may be the fastest in batches, another alone."""
    alone = tried("openvino", "bf16", 130, alone_ms=4)
    chosen = choose((NOW, alone, tried("openvino", "int8", 400, alone_ms=9.5)), 0, "latency")
    assert [each.evidence.fate for each in chosen] == ["listed", "first", "slower"]
    assert gain(alone.evidence, NOW.evidence, "latency") == 2.5


def test_what_is_listed_is_in_the_order_of_speed() -> None:
    """Behind the first one; what is not listed is left out."""
    names = [
        tried("a", "fp32", 100),
        tried("b", "bf16", 300),
        tried("c", "fp32", 200),
        tried("d", "int8", 9, "refused"),
    ]
    listed = listed_in_order(choose(names, 0, "throughput"), 0, "throughput")
    assert [each.form.execution.runtime for each in listed] == ["b", "c", "a"]


def test_what_was_not_timed_gains_nothing() -> None:
    """It cannot be first, nor have anything measured against it."""
    (untimed,) = with_speeds([NOW], {})
    assert untimed.evidence.speeds == ()
    for goal in ("throughput", "latency"):
        assert gain(untimed.evidence, NOW.evidence, goal) == 0
        assert gain(NOW.evidence, untimed.evidence, goal) == 0
