"""
A bundle is measured on this machine, and written again with the fastest execution that answers as it does.

The order: the reference answers the given images; what can be run is held to its answers; int8 is searched;
all that ran is timed side by side; the choice is made and written. Each step is kept, so a run that was
stopped goes on where it was.
"""

import importlib.metadata
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from andon import __version__
from andon.build.optimize.candidates import Bench, Form, Tried, further_forms, listed_forms
from andon.build.optimize.choice import Goal, choose, gain, listed_in_order, with_speeds
from andon.build.optimize.faster import assemble_faster
from andon.build.optimize.images import MAX_IMAGES, Progress, read_given
from andon.build.optimize.int8 import Int8Search, obstacle
from andon.build.optimize.quantise import has_nncf, spread
from andon.build.optimize.speed import measure
from andon.build.optimize.work import Work
from andon.bundle.archive import Bundle, read_bundle, write_bundle
from andon.bundle.evidence import CandidateEvidence, Limits, OptimizeEvidence, Speed
from andon.bundle.manifest import Execution
from andon.errors import AndonError, RuntimeFault, UsageError
from andon.machine import available_cores
from andon.machine.processor import processor_name
from andon.model.choose import require_no_own_code
from andon.model.load import proof_error
from andon.model.prove import prove
from andon.model.steps import load_steps
from andon.runtimes.base import Session

_PACKAGES = ("onnxruntime", "openvino", "nncf", "torch", "numpy")
"""Whose versions stand in the evidence."""


class Options(Struct, frozen=True, kw_only=True):
    """What is asked of an optimisation."""

    limits: Limits = Limits()
    goal: Goal = "throughput"
    """Images a second and core at the best batch, or the time of a single image."""
    int8: bool = True
    """Whether int8 is tried; false to leave out what takes longest."""
    batches: tuple[int, ...] = (1, 8)
    """Sizes of batches to measure."""
    threads: tuple[int, ...] = ()
    """Numbers of compute threads to measure; empty for 1 and one a core."""
    max_images: int = MAX_IMAGES
    """Images to compare at most, spread evenly over those that are given."""
    budget_s: float | None = None
    """Seconds after which no new candidate is begun; None for no end."""


class OptimizeReport(Struct, frozen=True, kw_only=True):
    """What came of it."""

    path: Path
    digest: str
    """Of the new bundle."""
    evidence: OptimizeEvidence
    gain: float
    """How many times as fast the first execution of the new bundle is as that of the old one; 1 for the same."""
    executions: tuple[Execution, ...]
    """Of the new bundle, in order of preference."""


def optimize(  # noqa: PLR0913 -- keyword-only, each a decision of the user's
    path: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    images: Sequence[Path] = (),
    truths: Mapping[str, str] | None = None,
    options: Options | None = None,
    trust: bool = False,
    work: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> OptimizeReport:
    """
    Write a bundle whose first execution is the fastest that answers as the given bundle does.

    Args:
        path: The bundle; it stays as it is.
        out: The bundle to write; one that is there is replaced. It has all that was measured in it, also
            where nothing was faster and the executions stay as they were.
        images: What the line takes, some hundred of them; they are what other precisions are held to. Without
            them only fp32 can be chosen.
        truths: The right label by path; else the folder of an image counts, where it is called as a label.
        options: What is asked.
        trust: Whether code of the bundle's author may run.
        work: The folder in which unfinished work is kept; None for `OUT.work`, which is removed at the end.
        progress: Called before each step.

    Raises:
        BundleError: The file is not a sound bundle.
        TrustError: It runs code of its author's, and is not trusted.
        RuntimeFault: `runtime.none`: no execution of fp32 can be run here, so there is nothing to hold others to.
        ProofError: The bundle does not prove itself here.
        PackError: `optimize.data`: the images cannot be used.
        UsageError: `usage.argument`: `out` is the bundle itself.
        EnvironmentFault: A file cannot be written.
    """
    source, target, options = Path(path), Path(out), options or Options()
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(
            "the new bundle would take the place of the old one",
            code="usage.argument",
            hint="name another file with -o",
        )
    bundle = read_bundle(source)
    if not trust:
        require_no_own_code(bundle.manifest)
    run = _Run(bundle, options, trust=trust, progress=progress or _silent)
    run.read(spread(images, options.max_images), truths or {})
    kept = Work(Path(work) if work else target.with_name(f"{target.name}.work"), *run.key)
    run.hold_all(kept)
    run.time_all()
    evidence, chosen = run.result()
    manifest, members = assemble_faster(bundle, chosen, evidence)
    digest = write_bundle(target, manifest, members)
    if work is None:
        kept.clear()
    now = run.baseline_evidence(evidence)
    first = next((each for each in evidence.candidates if each.fate == "first"), now)
    return OptimizeReport(
        path=target,
        digest=digest,
        evidence=evidence,
        gain=gain(first, now, options.goal) or 1.0,
        executions=manifest.executions,
    )


class _Run:
    """One optimisation on its way."""

    def __init__(self, bundle: Bundle, options: Options, *, trust: bool, progress: Progress) -> None:
        self._bundle = bundle
        self._options = options
        self._progress = progress
        self._steps = load_steps(bundle.manifest.input, bundle.manifest.output)
        self._ends_s = time.monotonic() + options.budget_s if options.budget_s is not None else float("inf")
        self._listed = list(_in_floats(bundle, listed_forms(bundle, trust=trust)))
        self._forms = [*self._listed, *further_forms(bundle, self._listed)]
        self._tried: list[Tried] = []
        self._notes: list[str] = []
        self._reference = _reference(bundle, self._listed)

    def read(self, images: Sequence[Path], truths: Mapping[str, str]) -> None:
        """Prepare the images, and let the reference answer them."""
        self._given = read_given(images, self._bundle, self._steps, truths, self._progress)
        self._bench = Bench(self._bundle, self._steps, self._given, self._options.limits, threads=available_cores())
        self._notes += self._given.notes
        session = self._proven_reference()
        self._progress(0, 1, "asking the reference")
        self._bench.expect(self._bench.raw_outputs(session, self._given.images))

    @property
    def key(self) -> tuple[str, ...]:
        """What the results depend on, besides the speed."""
        limits = msgspec.json.encode(self._options.limits).decode()
        truths = ",".join(map(str, self._given.truths))
        machine = f"{processor_name()} {available_cores()}"
        return (self._bundle.digest, self._given.digest, limits, truths, machine, *_versions().values())

    def _proven_reference(self) -> Session:
        """Open the first execution of fp32 and prove it: what others are held to must itself be right."""
        session = self._bench.open(self._reference, available_cores())
        proof = prove(self._bench.golden, self._steps, session, self._reference.execution.tolerance)
        if not proof.holds:
            raise proof_error(self._bundle, self._reference.execution, proof)
        return session

    def hold_all(self, work: Work) -> None:
        """Hold every candidate to the answers of the reference."""
        for done, form in enumerate(self._forms):
            if self._is_late() and form is not self._reference:
                self._notes.append(f"{form.name} was not tried: the time was over")
                continue
            self._progress(done, len(self._forms), f"comparing {form.name}")
            self._tried.append(_attempt(self._bench, form, work))
        if self._options.int8:
            self._search_int8(work)

    def _search_int8(self, work: Work) -> None:
        source = next((form for form in self._forms if form.artifact.format == "onnx"), None)
        reason = obstacle(
            len(self._given.images), has_onnx=source is not None, are_golden=self._given.are_golden, has_nncf=has_nncf()
        )
        if reason or source is None or self._is_late():
            self._notes.append(reason or "int8 was not tried: the time was over")
            return
        try:
            search = Int8Search(
                self._bench,
                source,
                work,
                attempt=lambda form: _attempt(self._bench, form, work),
                is_late=self._is_late,
                progress=self._progress,
            )
        except AndonError as error:
            self._notes.append(f"int8 was not tried: {error.message}")
            return
        found = search.run()
        best = min((each for each in found if each.holds), key=_nodes_kept, default=None)
        self._tried += found
        if self._is_late():
            self._notes.append("the search for int8 was cut short: the time was over")
        if best is not None:
            self._tried += [_attempt(self._bench, form, work) for form in search.in_other_runtimes(best)]

    def time_all(self) -> None:
        """Time what ran, side by side; of int8 that which holds and the one all in 8 bits."""
        timed = [number for number, each in enumerate(self._tried) if each.evidence.fate != "failed"]
        timed = [
            number for number in timed if self._tried[number].holds or not self._tried[number].evidence.float_nodes
        ]
        speeds: dict[int, list[Speed]] = {number: [] for number in timed}
        threads = self._options.threads or tuple(dict.fromkeys((1, available_cores())))
        for done, count in enumerate(threads):
            self._progress(done, len(threads), f"timing with {count} thread{'s' if count > 1 else ''}")
            sessions = {number: self._bench.open(self._tried[number].form, count) for number in timed}
            for number, found in measure(sessions, self._given.images, self._options.batches, threads=count).items():
                speeds[number] += found
        self._tried = with_speeds(self._tried, speeds)

    def result(self) -> tuple[OptimizeEvidence, list[Tried]]:
        """Choose, and give the evidence of all candidates and those that are listed."""
        chosen = choose(self._tried, self._baseline, self._options.goal)
        evidence = OptimizeEvidence(
            source=self._bundle.digest,
            data=self._given.digest,
            images=len(self._given.images),
            reference=self._reference.name,
            goal=self._options.goal,
            limits=self._options.limits,
            machine={"processor": processor_name(), "cores": available_cores()},
            versions={"andon": __version__, **_versions()},
            candidates=tuple(each.evidence for each in chosen),
            notes=tuple(note[:1000] for note in self._notes),
        )
        return evidence, listed_in_order(chosen, self._baseline, self._options.goal)

    def baseline_evidence(self, evidence: OptimizeEvidence) -> CandidateEvidence:
        """Give what the execution came to that is first now."""
        return evidence.candidates[self._baseline]

    @property
    def _baseline(self) -> int:
        """The position of what loading the bundle would use here: the first that holds, in its own order."""
        return next(number for number, each in enumerate(self._tried) if each.holds)

    def _is_late(self) -> bool:
        return time.monotonic() > self._ends_s


def _nodes_kept(each: Tried) -> int:
    return len(each.form.float_nodes or ())


def _in_floats(bundle: Bundle, forms: Iterable[Form]) -> list[Form]:
    """Leave out what was quantised before: it is made anew."""
    return [form for form in forms if form.artifact.name not in bundle.manifest.quantised]


def _reference(bundle: Bundle, listed: Sequence[Form]) -> Form:
    for form in listed:
        if form.execution.precision == "fp32":
            return form
    raise RuntimeFault(
        "no execution of fp32 can be run here, so there is nothing to hold others to",
        code="runtime.none",
        where=bundle.where,
        hint="`andon check` says what is missing; artifacts that can run code need --trust",
    )


def _attempt(bench: Bench, form: Form, work: Work) -> Tried:
    """Try a form, or take what came of it before; what failed is tried again."""
    nodes = "" if form.float_nodes is None else f"-{len(form.float_nodes)}"
    name = f"{form.artifact.name}-{form.execution.runtime}-{form.execution.precision}{nodes}.json"
    kept = work.get(name)
    if kept is not None:
        told = msgspec.json.decode(kept, type=_Kept)
        return Tried(form=replace(form, execution=told.execution), evidence=told.evidence)
    tried = bench.attempt(form)
    if tried.evidence.fate != "failed":
        work.put(name, msgspec.json.encode(_Kept(tried.form.execution, tried.evidence)))
    return tried


class _Kept(Struct, frozen=True):
    """What is kept of one candidate."""

    execution: Execution
    evidence: CandidateEvidence


def _versions() -> dict[str, str]:
    return {name: version for name in _PACKAGES if (version := _version(name))}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _silent(_done: int, _total: int, _what: str) -> None:
    pass
