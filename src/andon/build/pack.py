"""
An `nn.Module` becomes a proven bundle.

The order is that of the costs: what the author's code and the declaration make of the samples
is compared first, the export comes after, and nothing is written before the proof holds.
"""

import datetime as dt
import hashlib
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from PIL import Image

from andon import __version__
from andon.build.author import Author, common_size, evaluating, require_same_output, require_scores
from andon.build.compare import require_agreement
from andon.build.export import export_onnx
from andon.build.golden_set import make_golden
from andon.build.transform import Sample, Transform, read_samples, require_repeatable
from andon.build.weights import require_torch
from andon.bundle.archive import write_bundle
from andon.bundle.golden import GoldenSample, encode_golden
from andon.bundle.manifest import (
    Artifact,
    BundleName,
    DecisionSpec,
    Execution,
    FileEntry,
    GoldenSpec,
    InputSpec,
    Manifest,
    OutputSpec,
    Provenance,
    check_decision,
)
from andon.errors import EnvironmentFault, MismatchError, PackError
from andon.model.prove import prove
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.registry import get_runtime

if TYPE_CHECKING:
    from torch import nn

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and what is being done."""

_ARTIFACT = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
_EXECUTION = Execution(artifact="onnx", runtime="onnxruntime")
_KINDS = {"none": "probabilities"}
_UNPROVEN_INPUT = "no transform was given, so nothing proves that the declared input is that of the training"


class PackReport(Struct, frozen=True, kw_only=True):
    """What was packed, and what was proven on the way."""

    path: Path
    digest: str
    """SHA-256 of the manifest, 64 hex digits."""
    manifest: Manifest
    samples: int
    """Images on which the transform, the declaration and both models were compared."""
    golden: int
    """Golden samples in the bundle."""
    worst: Mapping[str, float]
    """Largest difference a stage: `pixels` in grey levels, `raw output` relative to the largest expected value."""
    notes: tuple[str, ...]
    """What the author should know: things that could not be proven."""


def pack(  # noqa: PLR0913 -- keyword-only, each a decision of the author's
    model: "nn.Module",
    *,
    samples: Sequence[str | os.PathLike[str] | Image.Image],
    labels: Sequence[str],
    out: str | os.PathLike[str],
    transform: Transform | None = None,
    input: Mapping[str, Any] | InputSpec | None = None,  # noqa: A002 -- the manifest's word
    activation: Literal["softmax", "sigmoid", "none"] = "softmax",
    decision: Mapping[str, Any] | DecisionSpec | None = None,
    name: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PackReport:
    """
    Pack a classifier into a bundle that proves itself wherever it is loaded.

    Args:
        model: Takes float32 (N, C, H, W), returns scores (N, classes). Used in evaluation mode on
            the CPU, and left as it was.
        samples: JPEG or PNG files, or Pillow images; at least one, better ten of each class.
        labels: One name a class, in the order of the scores.
        out: The bundle to write; one that is there is replaced.
        transform: The transform of the author's validation: takes what `PIL.Image.open(path)`
            returns, gives a float tensor (C, H, W). Without it the declaration is believed, and the
            report says so.
        input: The same preparation, declared as in the manifest.
        activation: What turns raw outputs into scores; `none` where the model ends in probabilities.
        decision: OK labels and thresholds, as in the manifest; None for no verdict.
        name: 1 to 64 letters, digits, `.`, `_` and `-`; None for the file's name.
        provenance: `source`, `dataset` and `metrics`, as in the manifest.
        progress: Called before each step.

    Returns:
        What was packed and proven.

    Raises:
        MismatchError: `pack.mismatch.*`: the transform and the declaration, or the exported and
            the eager model, do not agree. Nothing is written.
        PackError: `pack.*`: the model, the samples or an argument cannot be used.
        EnvironmentFault: torch is not installed, or the file cannot be written.
    """
    require_torch()
    _require_arguments(labels, Path(out))
    spec = _declared_input(input)
    declared = _convert(
        _Declared,
        {
            "name": Path(out).stem if name is None else name,
            "output": {"labels": list(labels), "activation": activation, "kind": _KINDS.get(activation, "logits")},
            "decision": decision,
            "provenance": {**(provenance or {}), "created_by": _created_by()},
        },
        "pack.argument",
    )
    found = read_samples(samples)
    tell = _Steps(progress, 2 * len(found) + 2)
    with evaluating(model) as eager:
        author = Author(eager, transform, spec)
        tell("calling the transform again and again")
        if transform is not None:
            require_repeatable(transform, found)
        worst_pixels = require_agreement(
            (author.compare(sample) for sample in tell.each(found, "comparing the transform with the declaration")),
            spec,
        )
        measured = [author.measure(sample) for sample in tell.each(found, "asking the eager model")]
        require_scores(measured, declared.output)
        tell("exporting the model")
        artifact = export_onnx(eager, spec, common_size(measured))
        session = get_runtime(_EXECUTION.runtime).open(
            _ARTIFACT, artifact, _EXECUTION, SessionOptions(classes=len(declared.output.labels))
        )
        worst_output = max(require_same_output(item, session, _EXECUTION.tolerance) for item in measured)
        golden, notes = make_golden(author, measured, _EXECUTION.tolerance)
    _require_proof(golden, spec, session)
    manifest, members = _assemble(declared, spec, artifact, golden)
    digest = write_bundle(out, manifest, members)
    return PackReport(
        path=Path(out),
        digest=digest,
        manifest=manifest,
        samples=len(found),
        golden=len(golden),
        worst={"pixels": worst_pixels, "raw output": worst_output},
        notes=notes if transform is not None else (_UNPROVEN_INPUT, *notes),
    )


class _Steps:
    """Tells a progress callback which step of how many is being done."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def __call__(self, what: str) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total, what)
        self._done += 1

    def each(self, samples: Sequence[Sample], what: str) -> Iterator[Sample]:
        """Hand on samples, telling before each."""
        for sample in samples:
            self(what)
            yield sample


def _require_arguments(labels: Sequence[str], out: Path) -> None:
    """Refuse early what would only be noticed at the end."""
    if isinstance(labels, str):
        raise PackError(
            "labels is one string, expected a list of names", code="pack.argument", hint='labels=["ok", "bad"]'
        )
    if not os.access(out.parent, os.W_OK):
        raise EnvironmentFault(
            "the folder does not exist or cannot be written", code="environment.write", where=str(out.parent)
        )


class _Declared(Struct, frozen=True, kw_only=True):
    """The author's declarations but for the input, checked as the manifest checks them."""

    name: BundleName
    output: OutputSpec
    decision: DecisionSpec | None
    provenance: Provenance

    def __post_init__(self) -> None:
        check_decision(self.decision, self.output)


def _declared_input(declaration: Mapping[str, Any] | InputSpec | None) -> InputSpec:
    if declaration is None:
        raise PackError(
            "the preparation is not declared",
            code="pack.input",
            hint="say what the transform does, for example input={'resize': {'mode': 'shorter_side', 'size': 256}, "
            "'crop': {'size': [224, 224]}, 'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225]}",
        )
    return _convert(InputSpec, declaration, "pack.input")


_T = TypeVar("_T")


def _convert(kind: type[_T], value: object, code: str) -> _T:
    """Check plain data or structs as the manifest would."""
    try:
        return msgspec.convert(msgspec.to_builtins(value), kind)
    except (msgspec.ValidationError, TypeError) as error:
        where = "the argument input" if kind is InputSpec else "the arguments of pack"
        raise PackError(str(error), code=code, where=where) from None


def _created_by() -> str:
    return f"andon {__version__}, torch {importlib.metadata.version('torch').partition('+')[0]}"


def _require_proof(golden: Sequence[GoldenSample], spec: InputSpec, session: Session) -> None:
    """Hold the bundle to its own proof before it is written."""
    proof = prove(golden, spec, session, _EXECUTION.tolerance)
    for finding in proof.findings:
        raise MismatchError(
            f"the bundle would not prove itself (stage {finding.stage}): {finding.message}",
            code="pack.mismatch.output",
            where=finding.sample,
            hint="every image was answered rightly alone; does its answer depend on the other images of a batch?",
        )


def _assemble(
    declared: _Declared, spec: InputSpec, artifact: bytes, golden: Sequence[GoldenSample]
) -> tuple[Manifest, dict[str, bytes]]:
    members = {_ARTIFACT.path: artifact, **encode_golden(golden)}
    files = {
        member: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for member, data in sorted(members.items())
    }
    manifest = Manifest(
        format=1,
        name=declared.name,
        task="classification",
        created=_created(),
        input=spec,
        output=declared.output,
        decision=declared.decision,
        artifacts=(_ARTIFACT,),
        executions=(_EXECUTION,),
        golden=GoldenSpec(inputs=tuple(sample.name for sample in golden)),
        provenance=declared.provenance,
        files=files,
    )
    return manifest, members


def _created() -> dt.datetime | None:
    """Read SOURCE_DATE_EPOCH, seconds since 1970; without it a bundle has no date, so equal inputs give equal bytes."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if not seconds:
        return None
    try:
        return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise PackError(
            f"SOURCE_DATE_EPOCH is {seconds!r}, expected seconds since 1970", code="pack.argument"
        ) from None
