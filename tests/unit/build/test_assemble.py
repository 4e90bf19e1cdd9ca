"""Tests of putting a bundle together."""

import datetime as dt
import hashlib

import numpy as np
import pytest

from andon.build.artifacts import Candidate
from andon.build.assemble import assemble
from andon.build.declared import declare
from andon.bundle.golden import GoldenSample
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Artifact, Execution, Manifest
from andon.errors import PackError
from andon.runtimes.null import NullSession

DECLARED = declare(
    name="parts",
    task="classification",
    labels=["ok", "bad"],
    output=None,
    activation="softmax",
    decision=None,
    provenance={"created_by": "a test"},
)
ARTIFACTS = [
    Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx"),
    Artifact(name="pt2", format="pt2", path="artifacts/pt2/model.pt2"),
]
CANDIDATES = [
    Candidate(artifact=artifact, data=artifact.name.encode(), session=NullSession((2,)), note="")
    for artifact in ARTIFACTS
]
EXECUTIONS = [Execution(artifact="pt2", runtime="torch"), Execution(artifact="onnx", runtime="onnxruntime")]
GOLDEN = GoldenSample(
    name="golden/inputs/0.png",
    encoded=b"png",
    pixels=np.zeros((2, 2, 3), np.uint8),
    model_input=np.zeros((3, 2, 2), np.float32),
    raw_output=np.zeros(2, np.float32),
)


def assembled() -> tuple[Manifest, dict[str, bytes]]:
    """Put two artifacts and a golden sample together."""
    return assemble(DECLARED, InputSpec(), CANDIDATES, EXECUTIONS, [GOLDEN])


def test_every_member_is_listed_with_its_digest() -> None:
    """In the order of names; nothing else is."""
    manifest, members = assembled()
    assert list(manifest.files) == sorted(members)
    for name, entry in manifest.files.items():
        assert entry.sha256 == hashlib.sha256(members[name]).hexdigest()
        assert entry.size_bytes == len(members[name])
    assert members["artifacts/pt2/model.pt2"] == b"pt2"
    assert members["golden/inputs/0.png"] == b"png"


def test_executions_keep_their_order() -> None:
    """It is that of preference."""
    manifest, _ = assembled()
    assert [execution.runtime for execution in manifest.executions] == ["torch", "onnxruntime"]
    assert [artifact.name for artifact in manifest.artifacts] == ["onnx", "pt2"]


def test_the_date_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None without one, so that two packings are the same."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert assembled()[0].created is None
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert assembled()[0].created == dt.datetime.fromtimestamp(1700000000, dt.UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(PackError, match="seconds since 1970"):
        assembled()
