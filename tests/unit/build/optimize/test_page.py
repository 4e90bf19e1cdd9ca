"""The evidence as a page and as cells of a table."""

from andon.build.optimize.page import COLUMNS, cells, page, sentences
from andon.bundle.evidence import Agreement, CandidateEvidence, Limits, OptimizeEvidence, Share, Speed

SHARE = Share(count=199, total=200, low=0.972, high=0.999)
GOOD = CandidateEvidence(
    artifact="onnx",
    runtime="openvino",
    precision="bf16",
    fate="first",
    agreement=Agreement(
        images=200,
        worst_output=0.1,
        same_label=SHARE,
        clear_label=SHARE,
        kept=SHARE,
        loss=0.0016,
        largest_change=0.12,
        reference_accuracy=SHARE,
    ),
    speeds=(Speed(threads=1, batch=1, batch_ms=8), Speed(threads=1, batch=8, batch_ms=40)),
)
BAD = CandidateEvidence(
    artifact="int8", runtime="openvino", precision="int8", fate="refused", reasons=("it is <far> off", "and slow")
)
EVIDENCE = OptimizeEvidence(
    source="5" * 64,
    data="0" * 64,
    images=200,
    reference="onnxruntime fp32",
    goal="throughput",
    limits=Limits(),
    machine={"processor": "a chip", "cores": 2},
    versions={"andon": "1"},
    candidates=(GOOD, BAD),
    notes=("a note",),
)


def test_a_candidate_is_told_in_cells() -> None:
    """As many as there are headings; what was not measured is a dash."""
    assert cells(GOOD) == (
        "openvino bf16",
        "first",
        "200.0",
        "8.00",
        "199 of 200",
        "199 of 200",
        "-0.16",
        "0.120",
        "0.1",
    )
    assert cells(BAD) == ("openvino int8", "refused", *"-------")
    assert len(cells(GOOD)) == len(COLUMNS)


def test_reasons_and_notes_are_sentences() -> None:
    """Of each candidate that has reasons, then the notes."""
    assert list(sentences(EVIDENCE)) == ["openvino int8 refused: it is <far> off; and slow", "a note"]


def test_the_page_stands_by_itself() -> None:
    """It has the numbers, the reasons, the machine and the limits, loads nothing, and no text of a bundle is markup."""
    text = page(EVIDENCE, "<b>parts</b>.andon")
    assert "<b>" not in text
    assert "&lt;b&gt;parts&lt;/b&gt;.andon" in text
    assert "it is &lt;far&gt; off" in text
    for shown in ("199 of 200 (97.2 % to 99.9 %)", "a chip, 2 cores", "99.0%", "5" * 64, 'class="refused"', "200.0"):
        assert shown in text
    for outside in ("http", "src=", "<script", "@import", "url("):
        assert outside not in text
