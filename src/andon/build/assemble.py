"""What is written: the manifest of a packed model, and the members that it lists."""

import datetime as dt
import hashlib
import os
from collections.abc import Sequence

from andon.build.artifacts import Candidate
from andon.build.declared import Declared
from andon.bundle.golden import GoldenSample, encode_golden
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Execution, FileEntry, GoldenSpec, Manifest
from andon.errors import PackError


def assemble(
    declared: Declared,
    spec: InputSpec,
    candidates: Sequence[Candidate],
    executions: Sequence[Execution],
    golden: Sequence[GoldenSample],
) -> tuple[Manifest, dict[str, bytes]]:
    """
    Make the manifest and the members.

    Args:
        declared: All declarations but the input.
        spec: The input.
        candidates: The artifacts.
        executions: In order of preference.
        golden: What the given model made of a few images.

    Returns:
        The manifest, and the bytes of every member that it lists.

    Raises:
        PackError: `pack.argument`: SOURCE_DATE_EPOCH is no date.
    """
    members = {candidate.artifact.path: candidate.data for candidate in candidates} | encode_golden(golden)
    files = {
        member: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for member, data in sorted(members.items())
    }
    manifest = Manifest(
        format=1,
        name=declared.name,
        task=declared.task,
        created=_created(),
        input=spec,
        output=declared.output,
        decision=declared.decision,
        artifacts=tuple(candidate.artifact for candidate in candidates),
        executions=tuple(executions),
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
