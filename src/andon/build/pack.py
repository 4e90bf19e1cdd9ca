"""
An `nn.Module` becomes a proven bundle.

The order is that of the costs: what the author's code and the declaration make of the samples
is compared first, the export comes after, and nothing is written before the proof holds.
"""

import datetime as dt
import hashlib
import importlib.metadata
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from PIL import Image

from andon import __version__
from andon.build.author import (
    Author,
    Measured,
    common_size,
    evaluating,
    require_logits,
    require_same_output,
    require_scores,
)
from andon.build.compare import prepare_sample
from andon.build.export import export_onnx
from andon.build.golden_set import make_golden
from andon.build.infer import find_input
from andon.build.samples import Sample, noise, read_samples, upside_down
from andon.build.transform import Transform
from andon.build.weights import require_torch
from andon.bundle.archive import write_bundle
from andon.bundle.fields import BundleName
from andon.bundle.golden import GoldenSample, encode_golden
from andon.bundle.input_spec import InputSpec, NoResize, ShorterSide
from andon.bundle.json_text import explain_field
from andon.bundle.manifest import Artifact, Execution, FileEntry, GoldenSpec, Manifest, Provenance, Tolerance
from andon.bundle.output_spec import DecisionSpec, OutputSpec, check_decision
from andon.errors import EnvironmentFault, MismatchError, PackError
from andon.model.prove import prove
from andon.model.steps import Steps
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.registry import get_runtime
from andon.tensors import FloatArray

if TYPE_CHECKING:
    from torch import nn

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and what is being done."""

_ARTIFACT = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
_EXECUTION = Execution(artifact="onnx", runtime="onnxruntime")
_NARROW = Tolerance(relative=1e-4)
"""For models whose export is within `_NARROW_FROM`: fifty times what machines differ by, and changed weights show."""
_NARROW_FROM = 2e-5
_KINDS = {"none": "probabilities"}
_FIRST_SAMPLES = 8
"""Samples for which the eager model is asked before the export, which takes longer."""
_BATCH_HINT = "every image was answered rightly alone; does its answer depend on the other images of a batch?"
_INPUT_HINT = (
    "resize has the mode shorter_side with a size in pixels, exact or letterbox with a size [height, width], or none; "
    "interpolation is nearest, box, bilinear, hamming, bicubic or lanczos; crop has a size [height, width]"
)
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
    """What the author should know: what was found, and things that could not be proven."""


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
        samples: Image files or Pillow images; at least one, better ten of each class.
        labels: One name a class, in the order of the scores.
        out: The bundle to write; one that is there is replaced.
        transform: The transform of the author's validation: takes what `PIL.Image.open(path)`
            returns, gives a float tensor (C, H, W). Without it the declaration is believed, and the
            report says so.
        input: The same preparation, declared as in the manifest. None to find it from the transform.
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
    out = _checked_path(out)
    spec = _declared_input(input)
    declared = _declare(
        name=_name_of(out) if name is None else name,
        output={"labels": _checked_labels(labels), "activation": activation, "kind": _KINDS.get(activation, "logits")},
        decision=decision,
        provenance={**_checked_mapping(provenance), "created_by": _created_by()},
    )
    found = read_samples(samples)
    notes: tuple[str, ...] = () if transform is not None else (_UNPROVEN_INPUT,)
    if spec is None:
        spec, notes = _found_input(transform, found, progress)
    with evaluating(model) as eager:
        author = Author(eager, transform, spec)
        made, missed = _made_samples(author, found[0])
        tell = _Steps(progress, 2 * len(found) + len(made) + 2)
        tell("calling the transform again and again")
        author.require_repeatable([*found, *made])
        agreement = author.require_agreement(tell.each(found, "comparing the transform with the declaration"))
        author.require_agreement(tell.each(made, "comparing the transform with the declaration"))
        size = common_size(agreement.sizes)
        _try_first([author.measure(sample) for sample in found[:_FIRST_SAMPLES]], declared.output)
        tell("exporting the model")
        artifact = export_onnx(eager, spec, size)
        session = _open(artifact, spec, declared.output)
        compared = [
            _held_to_eager(author.measure(sample), session, declared.output)
            for sample in tell.each(found, "comparing the exported model with the eager one")
        ]
        golden = make_golden(author, found, [raw_output for raw_output, _ in compared], made)
    execution = _proven_execution(golden, Steps(spec, declared.output), session)
    manifest, members = _assemble(declared, spec, execution, artifact, golden)
    digest = write_bundle(out, manifest, members)
    return PackReport(
        path=out,
        digest=digest,
        manifest=manifest,
        samples=len(found),
        golden=len(golden),
        worst={"pixels": agreement.worst_difference, "raw output": max(difference for _, difference in compared)},
        notes=(*notes, *missed),
    )


def _made_samples(author: Author, first: Sample) -> tuple[list[Sample], tuple[str, ...]]:
    """Make images that try what the author's own may not show, and say which of them his transform does not take."""
    spec, size = author.spec, _made_size(author.spec, first)
    made = [make(size, grey=spec.color == "L", depth=spec.depth) for make in (noise, upside_down)]
    taken = [sample for sample in made if author.accepts(sample)]
    missed = [sample for sample in made if sample not in taken]
    return taken, tuple(
        f"the transform fails on {sample.name}; it is compared on your samples only" for sample in missed
    )


def _made_size(spec: InputSpec, first: Sample) -> tuple[int, int]:
    """Give height and width of made images: odd ones, or those of the first sample where the declaration keeps them."""
    if spec.roi is not None or (spec.crop is None and isinstance(spec.resize, ShorterSide | NoResize)):
        with first.open() as image:
            return image.height, image.width
    height, width, _ = prepare_sample(first, spec).shape
    return height * 5 // 4 + 3, width * 3 // 2 + 5


def _try_first(measured: Sequence[Measured], output: OutputSpec) -> None:
    """Refuse before the slow export what the first samples show."""
    for item in measured:
        require_scores(item, output)
    require_logits(measured, output)


def _open(data: bytes, spec: InputSpec, output: OutputSpec) -> Session:
    options = SessionOptions(output_shape=output.shape)
    return get_runtime(_EXECUTION.runtime).open(_artifact(spec), data, _EXECUTION, options)


def _artifact(spec: InputSpec) -> Artifact:
    return replace(_ARTIFACT, dtype=spec.dtype)


def _held_to_eager(measured: Measured, session: Session, output: OutputSpec) -> tuple[FloatArray, float]:
    """Give the raw output of one sample and how far the exported model is from it; the pixels are let go."""
    require_scores(measured, output)
    return measured.raw_output, require_same_output(measured, session, _EXECUTION.tolerance)


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


def _checked_path(out: object) -> Path:
    """Refuse early what would only be noticed at the end."""
    if not isinstance(out, str | os.PathLike):
        raise PackError(f"out is a {type(out).__name__}, expected a path", code="pack.argument")
    path = Path(out)
    if not os.access(path.parent, os.W_OK):
        raise EnvironmentFault(
            "the folder does not exist or cannot be written", code="environment.write", where=str(path.parent)
        )
    if path.exists() and not path.is_file():
        raise EnvironmentFault("there is something that is no file", code="environment.write", where=str(path))
    return path


def _name_of(out: Path) -> str:
    """Take the bundle's name from its file name."""
    try:
        return msgspec.convert(out.stem, BundleName)
    except msgspec.ValidationError:
        raise PackError(
            f"the file name {out.stem!r} cannot be the bundle's name: expected 1 to 64 letters a-z, digits, ., _ or -",
            code="pack.argument",
            where="the argument out",
            hint='give another name with name="...", or with --name on the command line',
        ) from None


def _checked_labels(labels: object) -> list[object]:
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise PackError(
            f"labels is {labels!r:.80}, expected a list of names", code="pack.argument", hint='labels=["ok", "bad"]'
        )
    return list(labels)


def _checked_mapping(provenance: object) -> Mapping[str, Any]:
    if provenance is None or isinstance(provenance, Mapping):
        return provenance or {}
    raise PackError(f"provenance is a {type(provenance).__name__}, expected a mapping", code="pack.argument")


class _Declared(Struct, frozen=True, kw_only=True):
    """The author's declarations but for the input, checked as the manifest checks them."""

    name: BundleName
    output: OutputSpec
    decision: DecisionSpec | None
    provenance: Provenance

    def __post_init__(self) -> None:
        check_decision(self.decision, self.output)


def _declared_input(declaration: Mapping[str, Any] | InputSpec | None) -> InputSpec | None:
    return None if declaration is None else _convert(InputSpec, declaration, "pack.input")


def _found_input(
    transform: Transform | None, samples: Sequence[Sample], progress: Progress | None
) -> tuple[InputSpec, tuple[str, ...]]:
    """Find the declaration that does what the transform does, and tell how it was found."""
    if transform is None:
        raise PackError(
            "the preparation is neither declared nor to be found, for there is no transform",
            code="pack.input",
            hint="give the transform, or say what it does, for example input={'resize': {'mode': 'shorter_side', "
            "'size': 256}, 'crop': {'size': [224, 224]}, 'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225]}",
        )
    found = find_input(transform, samples, lambda what: progress(0, 1, what) if progress else None)
    return found.spec, (found.how, *found.notes)


def _declare(**fields: object) -> _Declared:
    return _convert(_Declared, fields, "pack.argument")


_T = TypeVar("_T")


def _convert(kind: type[_T], value: object, code: str) -> _T:
    """Check plain data or structs as the manifest would."""
    where = "the argument input" if kind is InputSpec else "the arguments of pack"
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError) as error:
        raise PackError(f"not plain data: {error}", code=code, where=where) from None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        fault = explain_field(text, kind, error)
        hint = fault.hint or (_INPUT_HINT if kind is InputSpec else "")
        raise PackError(fault.message, code=code, where=where, hint=hint) from None


def _created_by() -> str:
    return f"andon {__version__}, torch {importlib.metadata.version('torch').partition('+')[0]}"


def _proven_execution(golden: Sequence[GoldenSample], steps: Steps, session: Session) -> Execution:
    """Hold the bundle to its own proof before it is written, with the narrow tolerance where that has room to spare."""
    narrow = prove(golden, steps, session, _NARROW)
    if narrow.holds and narrow.worst_output_difference < _NARROW_FROM:
        return replace(_EXECUTION, tolerance=_NARROW)
    for finding in prove(golden, steps, session, _EXECUTION.tolerance).findings:
        raise MismatchError(
            f"the bundle would not prove itself (stage {finding.stage}): {finding.message}",
            code="pack.mismatch.output",
            where=finding.sample,
            hint=_BATCH_HINT if finding.stage == "raw output" else "",
        )
    return _EXECUTION


def _assemble(
    declared: _Declared, spec: InputSpec, execution: Execution, artifact: bytes, golden: Sequence[GoldenSample]
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
        artifacts=(_artifact(spec),),
        executions=(execution,),
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
