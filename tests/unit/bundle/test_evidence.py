"""The member in which an optimisation keeps what it measured."""

from pathlib import Path

import msgspec
import pytest

from andon.bundle.archive import Bundle, read_bundle
from andon.bundle.evidence import EVIDENCE_MEMBER, CandidateEvidence, Limits, OptimizeEvidence, Speed, read_evidence
from andon.bundle.evidence import encode_evidence as encode
from andon.errors import BundleError

SPEEDS = (
    Speed(threads=1, batch=1, batch_ms=10),
    Speed(threads=2, batch=8, batch_ms=32),
    Speed(threads=2, batch=1, batch_ms=8),
)


def evidence(**fields: object) -> OptimizeEvidence:
    """Give evidence of nothing."""
    return OptimizeEvidence(
        source="0" * 64,
        data="0" * 64,
        images=3,
        reference="onnxruntime fp32",
        goal="throughput",
        limits=Limits(),
        machine={"processor": "a chip", "cores": 2},
        versions={"andon": "1"},
        **{"candidates": (), **fields},  # type: ignore[arg-type]
    )


def holding(bundle: Bundle, data: bytes) -> Bundle:
    """Give a bundle with this member in it."""
    return msgspec.structs.replace(bundle, members={**bundle.members, EVIDENCE_MEMBER: data})


def test_speed_is_told_per_core() -> None:
    """8 images in 32 ms by two threads are 125 a second and core."""
    assert SPEEDS[1].images_per_core_s == pytest.approx(125)


def test_the_best_setting_counts() -> None:
    """The most images a core, and the shortest time of a single image; nothing where nothing was measured."""
    measured = CandidateEvidence(artifact="a", runtime="r", precision="bf16", fate="first", speeds=SPEEDS)
    assert (measured.throughput, measured.latency_ms) == (pytest.approx(125), 8)
    unmeasured = msgspec.structs.replace(measured, speeds=())
    assert (unmeasured.throughput, unmeasured.latency_ms) == (0, None)


def test_a_candidate_is_called_by_what_it_is() -> None:
    """Nodes that stayed in floats are part of its name."""
    one = CandidateEvidence(artifact="a", runtime="openvino", precision="int8", fate="first", float_nodes=("x",))
    assert one.name == "openvino int8, 1 node in fp32"
    assert msgspec.structs.replace(one, float_nodes=("x", "y")).name == "openvino int8, 2 nodes in fp32"
    assert msgspec.structs.replace(one, float_nodes=()).name == "openvino int8"


def test_evidence_is_read_as_it_was_written(colours: Path) -> None:
    """Field by field."""
    written = evidence(notes=("a note",))
    assert read_evidence(holding(read_bundle(colours), encode(written))) == written


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b'{"format": 2}', encode(evidence()).replace(b"notes", b"noted")]
)
def test_evidence_of_another_kind_is_refused(colours: Path, data: bytes) -> None:
    """The error names the member; unknown fields are errors here too."""
    with pytest.raises(BundleError, match="the evidence cannot be read") as caught:
        read_evidence(holding(read_bundle(colours), data))
    assert caught.value.where == f"colours.andon › {EVIDENCE_MEMBER}"
