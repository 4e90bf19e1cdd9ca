"""
The artifacts of a bundle: made of the source, opened, and held to what the given model answers.

A runtime that is installed here must reproduce the golden samples, or is not listed; one that is
not installed is listed all the same, because it has to where the bundle is loaded.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from andon.build.author import Measured, require_same_output
from andon.build.graph_input import GraphInput
from andon.build.sources.base import Form, Source
from andon.bundle.golden import GoldenSample
from andon.bundle.manifest import Artifact, Execution, Tolerance
from andon.bundle.output_spec import OutputSpec
from andon.errors import AndonError, MismatchError, PackError
from andon.model.prove import prove
from andon.model.steps import Steps
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.registry import get_runtime, is_installed

_PATHS: Mapping[Form, str] = {
    "onnx": "artifacts/onnx/model.onnx",
    "pt2": "artifacts/pt2/model.pt2",
    "torchscript": "artifacts/torchscript/model.pt",
    "eager": "artifacts/eager/model.safetensors",
}
_RUNTIMES: Mapping[Form, tuple[str, ...]] = {
    "onnx": ("onnxruntime", "openvino"),
    "pt2": ("torch",),
    "torchscript": ("torch",),
    "eager": ("torch",),
}
"""What executes each form, first the one that every sample is compared with."""
_NARROW = Tolerance(relative=1e-4)
"""For models whose export is within `_NARROW_FROM`: fifty times what machines differ by, and changed weights show."""
_NARROW_FROM = 2e-5
_TRUST = "the bundle loads only where it is trusted, with trust=True or --trust: its artifacts can run code"
_BATCH_HINT = "every image was answered rightly alone; does its answer depend on the other images of a batch?"


class Candidate(Struct, frozen=True, kw_only=True):
    """An artifact that was made and opened, on its way into a bundle."""

    artifact: Artifact
    data: bytes
    session: Session
    note: str
    """What the author should know of it; empty for nothing."""


def wanted_forms(source: Source, asked: object) -> tuple[Form, ...]:
    """
    Tell which artifacts to make.

    Args:
        source: The model.
        asked: The author's choice, names of forms in the order of preference; empty for what is usual.

    Raises:
        PackError: `pack.argument`: there is no such form, or it cannot be made of this source.
    """
    if not isinstance(asked, list | tuple):
        raise PackError(f"artifacts is {asked!r:.80}, expected a list of forms", code="pack.argument")
    for form in asked:
        if form not in source.forms:
            raise PackError(
                f"the artifact {form!r:.80} cannot be made of this model, expected one of {', '.join(source.forms)}",
                code="pack.argument",
                hint='an eager artifact needs a factory="package.module:function"' if form == "eager" else "",
            )
    return tuple(dict.fromkeys(asked)) or source.usual_forms


def make_candidates(
    source: Source,
    forms: Sequence[Form],
    wanted: GraphInput,
    output: OutputSpec,
    *,
    all_asked: bool,
) -> tuple[list[Candidate], list[str]]:
    """
    Make and open artifacts.

    Args:
        source: The model.
        forms: What to make, in the order of preference.
        wanted: What they are to take.
        output: What the artifacts must answer with.
        all_asked: Whether the author asked for each of them, so that one that fails is a refusal; else
            it is passed over with a note, where another one remains.

    Returns:
        The artifacts, at least one, and notes on those that were passed over.

    Raises:
        PackError: As `Source.make`.
        MismatchError: `pack.mismatch.output`: an artifact does not even load.
    """
    made: list[Candidate] = []
    failures: list[tuple[Form, PackError]] = []
    for form in forms:
        try:
            made.append(make_candidate(source, form, wanted, output))
        except PackError as error:
            if all_asked:
                raise
            failures.append((form, error))
    if not made:
        raise failures[0][1]
    notes = [f"there is no artifact {form}: {error.message}" for form, error in failures]
    if all(candidate.artifact.needs_trust for candidate in made):
        notes.append(_TRUST)
    return made, notes


def make_candidate(source: Source, form: Form, wanted: GraphInput, output: OutputSpec) -> Candidate:
    """
    Make one artifact, and open it in the runtime that every sample is compared in.

    Raises:
        PackError: As `Source.make`.
        MismatchError: `pack.mismatch.output`: it does not load.
    """
    made = source.make(form, wanted)
    artifact = Artifact(
        name=form,
        format=form,
        path=_PATHS[form],
        layout=wanted.layout,
        dtype=wanted.dtype,
        dynamic_batch=made.dynamic_batch,
        factory=made.factory,
    )
    runtime = _RUNTIMES[form][0]
    try:
        session = _open(artifact, made.data, runtime, output)
    except AndonError as error:
        raise MismatchError(
            f"the packed model does not load in {runtime}: {error.message}",
            code="pack.mismatch.output",
            hint=error.hint,
        ) from error
    return Candidate(artifact=artifact, data=made.data, session=session, note=made.note)


def _open(artifact: Artifact, data: bytes, runtime: str, output: OutputSpec) -> Session:
    execution = Execution(artifact=artifact.name, runtime=runtime)
    return get_runtime(runtime).open(artifact, data, execution, SessionOptions(output_shape=output.shape))


def hold_to_given(measured: Measured, candidates: Sequence[Candidate], output: OutputSpec) -> float:
    """
    Compare every artifact with the given model on one sample.

    Returns:
        The largest relative difference of any artifact.

    Raises:
        MismatchError: `pack.mismatch.output`.
    """
    return max(require_same_output(measured, candidate.session, Tolerance(), output) for candidate in candidates)


def proven_executions(
    golden: Sequence[GoldenSample], steps: Steps, candidates: Sequence[Candidate]
) -> tuple[list[Execution], list[str]]:
    """
    Hold every execution to the proof that it will have to pass wherever the bundle is loaded.

    Returns:
        The executions in the order of preference, and notes on those that do not hold.

    Raises:
        MismatchError: `pack.mismatch.output`: an artifact would not prove itself in the first of its runtimes.
    """
    executions, notes = [], []
    for candidate in candidates:
        first, *others = _RUNTIMES[candidate.artifact.format]
        executions.append(_first_execution(golden, steps, candidate, first))
        for runtime in others:
            execution = Execution(artifact=candidate.artifact.name, runtime=runtime)
            reason = next(_reasons_against(golden, steps, candidate, execution), "")
            if reason:
                notes.append(f"{runtime} does not reproduce the model and is not listed: {reason}")
            else:
                executions.append(execution)
    return executions, notes


def _first_execution(golden: Sequence[GoldenSample], steps: Steps, candidate: Candidate, runtime: str) -> Execution:
    """Prove with a narrow tolerance where that has room to spare, else with the usual one."""
    execution = Execution(artifact=candidate.artifact.name, runtime=runtime)
    narrow = prove(golden, steps, candidate.session, _NARROW)
    if narrow.holds and narrow.worst_output_difference < _NARROW_FROM:
        return replace(execution, tolerance=_NARROW)
    for finding in prove(golden, steps, candidate.session, execution.tolerance).findings:
        raise MismatchError(
            f"the bundle would not prove itself (stage {finding.stage}): {finding.message}",
            code="pack.mismatch.output",
            where=finding.sample,
            hint=_BATCH_HINT if finding.stage == "raw output" else "",
        )
    return execution


def _reasons_against(
    golden: Sequence[GoldenSample], steps: Steps, candidate: Candidate, execution: Execution
) -> Iterator[str]:
    """Yield why an execution does not hold here; nothing where its runtime is not installed."""
    if not is_installed(execution.runtime):
        return
    try:
        session = _open(candidate.artifact, candidate.data, execution.runtime, steps.output)
    except AndonError as error:
        yield error.message
        return
    yield from (finding.message for finding in prove(golden, steps, session, execution.tolerance).findings)
