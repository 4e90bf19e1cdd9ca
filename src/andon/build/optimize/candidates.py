"""One candidate: an artifact with a runtime and a precision, opened, proven and compared with the reference."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from andon.build.optimize.agreement import Answer, answer_of, compare, objections
from andon.build.optimize.images import Given
from andon.bundle.archive import Bundle
from andon.bundle.evidence import Agreement, CandidateEvidence, Limits
from andon.bundle.golden import GoldenSample, decode_golden
from andon.bundle.manifest import Artifact, Execution, Tolerance
from andon.errors import AndonError, RuntimeFault
from andon.model.batch import Graph
from andon.model.prove import prove
from andon.model.steps import Steps
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.registry import RUNTIMES, get_runtime, is_installed
from andon.tensors import FloatArray, InputArray

_BATCH = 8
"""Images that are run at once to be compared."""
_ROOM = 1.5
"""Between what the golden samples show and what is accepted of them: other processors round elsewhere."""


class Form(Struct, frozen=True, kw_only=True):
    """What can be opened."""

    artifact: Artifact
    data: bytes
    execution: Execution
    float_nodes: tuple[str, ...] | None = None
    """Of a quantised graph: the nodes that stayed in floats."""

    @property
    def name(self) -> str:
        """What to call it while it is tried."""
        return f"{self.execution.runtime} {self.execution.precision}"


class Tried(Struct, frozen=True, kw_only=True):
    """A form, and what came of it so far."""

    form: Form
    evidence: CandidateEvidence
    """Its fate is `listed` where it holds, `refused` or `failed` where it does not."""

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return self.evidence.fate == "listed"


def listed_forms(bundle: Bundle, *, trust: bool) -> Iterator[Form]:
    """Give the executions of a bundle on the CPU, in its order, that can be opened here."""
    for execution in bundle.manifest.executions:
        if execution.device == "cpu" and is_installed(execution.runtime) and execution.runtime != "null":
            artifact = bundle.manifest.artifact(execution.artifact)
            if trust or not artifact.needs_trust:
                yield Form(artifact=artifact, data=bundle.members[artifact.path], execution=execution)


def further_forms(bundle: Bundle, listed: Sequence[Form]) -> Iterator[Form]:
    """Give what the runtimes that are installed can do with the artifacts in floats, and the bundle does not list."""
    known = {(form.artifact.name, form.execution.runtime, form.execution.precision) for form in listed}
    for artifact in dict.fromkeys(form.artifact for form in listed):
        if artifact.name in bundle.manifest.quantised:
            continue
        for runtime in RUNTIMES.values():
            for precision in ("fp32", "bf16"):
                fits = artifact.format in runtime.formats and precision in runtime.precisions
                key = (artifact.name, runtime.name, precision)
                if fits and runtime.name != "null" and runtime.is_installed() and key not in known:
                    execution = Execution(
                        artifact=artifact.name,
                        runtime=runtime.name,
                        precision="bf16" if precision == "bf16" else "fp32",
                    )
                    yield Form(artifact=artifact, data=bundle.members[artifact.path], execution=execution)


class Bench:
    """
    Where candidates of one bundle are tried: its golden samples, the given images, and the reference's answers.

    Args:
        bundle: What is optimised.
        steps: Its steps, for one tile where there are tiles.
        given: The images.
        limits: What candidates must hold.
        threads: Compute threads while answers are compared.
    """

    def __init__(self, bundle: Bundle, steps: Steps, given: Given, limits: Limits, *, threads: int) -> None:
        self.bundle = bundle
        self.given = given
        self._steps = steps
        self._limits = limits
        self._threads = threads
        self.golden: Sequence[GoldenSample] = decode_golden(bundle)
        self._expected: list[Answer] = []

    def open(self, form: Form, threads: int) -> Session:
        """Open a form with this many threads; an error of the runtime comes out."""
        options = SessionOptions(output_shape=self.bundle.manifest.output.shape, threads=threads)
        return get_runtime(form.execution.runtime).open(form.artifact, form.data, form.execution, options)

    def raw_outputs(self, session: Session, images: Sequence[InputArray]) -> list[FloatArray]:
        """
        Run images in batches.

        Raises:
            RuntimeFault: It fails on an image, or answers with something that is not finite.
        """
        graph, found = Graph(session, self._steps), []
        for start in range(0, len(images), _BATCH):
            for raw_output in graph.run(images[start : start + _BATCH]):
                if isinstance(raw_output, AndonError):
                    raise RuntimeFault(raw_output.message, code="runtime.run")
                found.append(np.array(raw_output))
        return found

    def expect(self, raw_outputs: Sequence[FloatArray]) -> None:
        """Take these as the answers of the reference."""
        self._expected = self._answers(raw_outputs)

    def _answers(self, raw_outputs: Sequence[FloatArray]) -> list[Answer]:
        return [answer_of(raw_output, self._steps, self.bundle.manifest) for raw_output in raw_outputs]

    def attempt(self, form: Form) -> Tried:
        """Open a form, prove it and compare it; whatever goes wrong is part of the evidence."""
        try:
            session = self.open(form, self._threads)
            return self._judge(form, session)
        except AndonError as error:
            return _tried(form, "failed", error.message)

    def _judge(self, form: Form, session: Session) -> Tried:
        """Hold a form of fp32 to its own tolerance, and any other to the limits."""
        is_exact = form.execution.precision == "fp32"
        tolerance = form.execution.tolerance if is_exact else Tolerance(relative=1.0)
        proof = prove(self.golden, self._steps, session, tolerance)
        worst = proof.worst_output_difference
        agreement = self._compare(session)
        tried = _tried(form, "listed", golden_difference=worst if np.isfinite(worst) else None, agreement=agreement)
        reasons = [f"golden sample {finding.sample}: {finding.message}" for finding in proof.findings[:1]]
        if not is_exact:
            reasons += objections(agreement, self._limits)
            if worst * _ROOM > 1:
                reasons.append(f"golden samples are {worst:.2g} (relative) away, so their proof would prove nothing")
        if reasons:
            return replace(tried, evidence=replace(tried.evidence, fate="refused", reasons=tuple(map(_cut, reasons))))
        return tried if is_exact else replace(tried, form=_with_tolerance(form, worst))

    def _compare(self, session: Session) -> Agreement:
        found = self._answers(self.raw_outputs(session, self.given.images))
        return compare(found, self._expected, self.given.truths, self.bundle.manifest, self._limits)


def _tried(form: Form, fate: str, *reasons: str, **fields: object) -> Tried:
    evidence = CandidateEvidence(
        artifact=form.artifact.name,
        runtime=form.execution.runtime,
        precision=form.execution.precision,
        fate="failed" if fate == "failed" else "listed",
        reasons=tuple(map(_cut, reasons)),
        float_nodes=None if form.float_nodes is None else tuple(map(_cut, form.float_nodes)),
    )
    return Tried(form=form, evidence=replace(evidence, **fields))


def _cut(text: str) -> str:
    """Make a text that a manifest may hold."""
    return "".join(character if character.isprintable() else "?" for character in text)[:1000]


def _with_tolerance(form: Form, worst: float) -> Form:
    """Accept of the golden samples what they show here and half as much again."""
    accepted = min(1.0, rounded_up(max(worst * _ROOM, 1e-3)))
    return replace(form, execution=replace(form.execution, tolerance=Tolerance(relative=accepted)))


def rounded_up(value: float) -> float:
    """
    Round up to two digits.

    >>> rounded_up(0.1234), rounded_up(0.12), rounded_up(0.0991)
    (0.13, 0.12, 0.1)
    """
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(round(value / unit, 6)) * unit, 12)
