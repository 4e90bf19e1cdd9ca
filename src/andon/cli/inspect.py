"""`andon inspect`: what is in a bundle. It reads and verifies all of it and loads no runtime."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from andon.cli.options import AsJson, BundlePath
from andon.cli.output import write_json, write_table
from andon.cli.words import count_in_words, difference_in_words, metrics_in_words, size_in_words

if TYPE_CHECKING:
    from andon.bundle.archive import Bundle


def inspect(file: BundlePath, *, as_json: AsJson = False) -> None:
    """Show what is in a bundle. Every member is verified; nothing is run."""
    from andon.bundle.archive import read_bundle

    bundle = read_bundle(file)
    if as_json:
        write_json(_as_json(bundle, file))
    else:
        write_table(("", ""), _rows(bundle))


def _as_json(bundle: "Bundle", file: Path) -> dict[str, object]:
    from andon.bundle.evidence import read_evidence

    return {
        "path": str(file),
        "digest": bundle.digest,
        "version": bundle.version,
        "size_bytes": sum(map(len, bundle.members.values())),
        "manifest": bundle.manifest,
        "optimised": read_evidence(bundle),
    }


def _rows(bundle: "Bundle") -> Iterator[tuple[str, str]]:
    """Give a heading and a text for each line; the heading stands only at its first line."""
    for heading, lines in _sections(bundle):
        for number, line in enumerate(lines):
            yield heading if number == 0 else "", line


def _sections(bundle: "Bundle") -> Iterator[tuple[str, list[str]]]:
    from andon.cli.declarations import (
        decision_in_words,
        execution_in_words,
        input_in_words,
        labels_in_words,
        output_in_words,
        trust_in_words,
    )

    manifest = bundle.manifest
    yield "name", [manifest.name]
    yield "version", [bundle.version]
    yield "digest", [bundle.digest]
    yield "task", [manifest.task]
    yield "created", [manifest.created.isoformat() if manifest.created else "not recorded"]
    yield "input", input_in_words(manifest.input)
    yield "output", output_in_words(manifest.output)
    yield "labels", [labels_in_words(manifest.output)]
    yield "decision", decision_in_words(manifest.decision, manifest.output)
    yield (
        "executions",
        [
            f"{execution_in_words(execution)}, artifact {execution.artifact}, "
            f"tolerance {difference_in_words(execution.tolerance.relative)}"
            for execution in manifest.executions
        ],
    )
    yield "optimised", _optimised(bundle)
    yield "trust", trust_in_words(manifest)
    yield "golden", [count_in_words(len(manifest.golden.inputs), "sample")]
    yield "provenance", _provenance(bundle)
    yield "members", [f"{name}  {size_in_words(len(data))}" for name, data in bundle.members.items()]


def _optimised(bundle: "Bundle") -> list[str]:
    """Tell of each candidate of the optimisation what it came to; nothing for a bundle that was not optimised."""
    from andon.bundle.evidence import read_evidence

    evidence = read_evidence(bundle)
    if evidence is None:
        return []
    on = f"{evidence.machine.get('processor', 'an unknown processor')}, {evidence.machine.get('cores', '?')} cores"
    candidates = [
        f"{each.name}: {each.fate}, {each.throughput:.1f} images/s a core"
        + (f"; {'; '.join(each.reasons)}" if each.reasons else "")
        for each in evidence.candidates
    ]
    return [f"on {on}, compared with {evidence.reference} on {count_in_words(evidence.images, 'image')}", *candidates]


def _provenance(bundle: "Bundle") -> list[str]:
    provenance = bundle.manifest.provenance
    lines = [f"created by {provenance.created_by}"]
    if provenance.source:
        lines.append(f"source {provenance.source}")
    if provenance.dataset:
        lines.append(f"dataset {provenance.dataset}")
    return [*lines, *metrics_in_words(provenance.metrics)]
