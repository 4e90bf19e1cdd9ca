"""The evidence as one page that stands by itself: no script, no other file, legible in light and dark."""

from collections.abc import Iterator
from html import escape

from andon.bundle.evidence import CandidateEvidence, OptimizeEvidence, Share

COLUMNS = (
    "candidate",
    "fate",
    "images/s a core",
    "one image, ms",
    "same label",
    "clear ones",
    "points",
    "score moves",
    "output off",
)
"""Of the table, here and on the command line."""
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .4rem .8rem; text-align: right; border-bottom: 1px solid #8884 }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
.first { font-weight: 700 } .refused, .failed { opacity: .7 }
.bar { fill: #3a7 } .refused .bar, .failed .bar { fill: #b54 } td svg { vertical-align: middle }
dt { font-weight: 600 } dd { margin: 0 0 .5rem }
"""
_BAR_WIDTH = 80
"""Pixels of the longest bar."""


def cells(evidence: CandidateEvidence) -> tuple[str, ...]:
    """Give the cells of one candidate, as `COLUMNS` names them; `-` for what was not measured."""
    agreement = evidence.agreement
    labels = (agreement.same_label, agreement.clear_label) if agreement else (None, None)
    return (
        evidence.name,
        evidence.fate,
        f"{evidence.throughput:.1f}" if evidence.speeds else "-",
        "-" if evidence.latency_ms is None else f"{evidence.latency_ms:.2f}",
        *("-" if share is None else f"{share.count} of {share.total}" for share in labels),
        "-" if agreement is None or agreement.loss is None else f"{0 - 100 * agreement.loss:+.2f}",
        "-" if agreement is None or agreement.largest_change is None else f"{agreement.largest_change:.3f}",
        "-" if agreement is None or agreement.worst_output is None else f"{agreement.worst_output:.2g}",
    )


def page(evidence: OptimizeEvidence, name: str) -> str:
    """
    Write the page.

    Args:
        evidence: Of every candidate.
        name: Of the bundle.
    """
    fastest = max((each.throughput for each in evidence.candidates), default=0.0)
    rows = "\n".join(_row(each, fastest) for each in evidence.candidates)
    head = "".join(f"<th>{escape(column)}</th>" for column in COLUMNS)
    facts = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in _facts(evidence))
    reasons = "".join(f"<li>{escape(text)}</li>" for text in sentences(evidence))
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(name)}, optimised</title><style>{_STYLE}</style>
<h1>{escape(name)}, optimised</h1>
<table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table>
<ul>{reasons}</ul>
<dl>{facts}</dl>
</html>
"""


def _row(evidence: CandidateEvidence, fastest: float) -> str:
    name, fate, speed, *others = (escape(cell) for cell in cells(evidence))
    width = round(_BAR_WIDTH * evidence.throughput / fastest) if fastest else 0
    shape = f'<rect class="bar" width="{width}" height="12"/>'
    bar = f'<svg width="{_BAR_WIDTH}" height="12" aria-hidden="true">{shape}</svg>'
    rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr class="{evidence.fate}"><td>{name}</td><td>{fate}</td><td>{bar} {speed}</td>{rest}</tr>'


def sentences(evidence: OptimizeEvidence) -> Iterator[str]:
    """Say why candidates were refused, and what else there is to know."""
    for each in evidence.candidates:
        if each.reasons:
            yield f"{each.name} {each.fate}: {'; '.join(each.reasons)}"
    yield from evidence.notes


def _facts(evidence: OptimizeEvidence) -> Iterator[tuple[str, str]]:
    """Give what a reader needs to judge the numbers, by name."""
    limits = evidence.limits
    yield "Processor", f"{evidence.machine['processor']}, {evidence.machine['cores']} cores"
    yield "Versions", ", ".join(f"{name} {version}" for name, version in evidence.versions.items())
    yield "Compared with", f"{evidence.reference}, on {evidence.images} images"
    yield "Bundle", evidence.source
    yield (
        "Limits",
        f"clear labels and verdicts kept: {limits.min_agreement:.1%}, at 95 % confidence "
        f"{limits.min_agreement_low:.1%}; clear from a margin of {limits.clear_margin:g}, {limits.min_clear} images "
        f"or more; points lost: "
        f"{100 * limits.max_loss:g}; a score moves by {limits.max_change:g}; raw outputs of boxes and maps by "
        f"{limits.max_output:g}",
    )
    accuracy = next((each.agreement for each in evidence.candidates if each.agreement), None)
    if accuracy is not None and accuracy.reference_accuracy is not None:
        yield "Right answers of the reference", share_in_words(accuracy.reference_accuracy)


def share_in_words(share: Share) -> str:
    """
    Give a share with its interval.

    >>> share_in_words(Share(count=8, total=8, low=0.6756, high=1.0))
    '8 of 8 (67.6 % to 100.0 %)'
    """
    return f"{share.count} of {share.total} ({100 * share.low:.1f} % to {100 * share.high:.1f} %)"
