"""What is written: the manifest and the members of the optimised bundle."""

import hashlib
from collections.abc import Sequence

from msgspec.structs import replace

from andon.build.optimize.candidates import Tried
from andon.bundle.archive import Bundle
from andon.bundle.evidence import EVIDENCE_MEMBER, CandidateEvidence, OptimizeEvidence, encode_evidence
from andon.bundle.manifest import Execution, FileEntry, Manifest


def assemble_faster(
    bundle: Bundle, listed: Sequence[Tried], evidence: OptimizeEvidence
) -> tuple[Manifest, dict[str, bytes]]:
    """
    Make the manifest and the members of the new bundle.

    Args:
        bundle: What was optimised. Its quantised artifacts are left out. Its executions that could not be tried
            here, for one because they are for a card, and those of fp32 that do not hold here, come last.
        listed: In order of preference.
        evidence: Of every candidate.

    Returns:
        The manifest, and the bytes of every member; equal arguments give equal bytes.
    """
    old = bundle.manifest
    executions = [_with_evidence(each) for each in listed]
    others = [execution for execution in old.executions if _comes_last(execution, listed, evidence.candidates)]
    artifacts = [artifact for artifact in old.artifacts if artifact.name not in old.quantised]
    new = {each.form.artifact.name: each.form for each in listed}
    artifacts += [form.artifact for name, form in new.items() if name not in {artifact.name for artifact in artifacts}]
    dropped = {artifact.path for artifact in old.artifacts} - {artifact.path for artifact in artifacts}
    members = {name: data for name, data in bundle.members.items() if name not in dropped}
    members |= {form.artifact.path: form.data for form in new.values()}
    members[EVIDENCE_MEMBER] = encode_evidence(evidence)
    manifest = replace(
        old,
        artifacts=tuple(artifacts),
        executions=(*executions, *(each for each in others if each.artifact not in old.quantised)),
        provenance=replace(old.provenance, created_by=_created_by(old.provenance.created_by, evidence)),
        files={name: _entry(members[name]) for name in sorted(members)},
    )
    return manifest, members


def _comes_last(execution: Execution, listed: Sequence[Tried], tried: Sequence[CandidateEvidence]) -> bool:
    """Ask whether an execution of before is kept, though it is not chosen: of fp32, or one that was not tried here."""
    key = (execution.artifact, execution.runtime, execution.precision, execution.device)
    if key in [
        (each.artifact, each.runtime, each.precision, each.device) for each in (it.form.execution for it in listed)
    ]:
        return False
    was_tried = key in [(each.artifact, each.runtime, each.precision, "cpu") for each in tried]
    return execution.precision == "fp32" or not was_tried


def _with_evidence(each: Tried) -> Execution:
    """Write beside an execution what it came to, in a few numbers; the whole stands in the member."""
    evidence, agreement = each.evidence, each.evidence.agreement
    best = max(evidence.speeds, key=lambda speed: speed.images_per_core_s)
    told: dict[str, str | float | int | bool] = {
        "images_per_core_s": round(best.images_per_core_s, 1),
        "threads": best.threads,
        "batch": best.batch,
    }
    if evidence.latency_ms is not None:
        told["latency_ms"] = round(evidence.latency_ms, 2)
    if agreement is not None:
        told["compared_images"] = agreement.images
        if agreement.same_label is not None and agreement.clear_label is not None:
            told["same_labels"] = agreement.same_label.count
            told["same_clear_labels"] = agreement.clear_label.count
            told["clear_images"] = agreement.clear_label.total
        if agreement.largest_change is not None:
            told["largest_change"] = round(agreement.largest_change, 4)
    return replace(each.form.execution, evidence=told)


def _created_by(before: str, evidence: OptimizeEvidence) -> str:
    """Say who made it, and who optimised it; a former optimisation is no longer in it."""
    made = before.split("; optimised by ", maxsplit=1)[0]
    return f"{made}; optimised by {', '.join(f'{name} {version}' for name, version in evidence.versions.items())}"[
        :1000
    ]


def _entry(data: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
