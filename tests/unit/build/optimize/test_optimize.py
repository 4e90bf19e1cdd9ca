"""A bundle is optimised from end to end, with what is installed."""

from pathlib import Path

import msgspec
import pytest

from andon.build.optimize.optimize import OptimizeReport, Options, optimize
from andon.build.optimize.quantise import has_nncf
from andon.bundle.archive import read_bundle
from andon.bundle.evidence import read_evidence
from andon.errors import ProofError, RuntimeFault, TrustError, UsageError
from andon.model.load import load
from tests.support.bundles import colour_graph, write_colours

pytestmark = pytest.mark.slow
FAST = Options(int8=False, batches=(1,), threads=(1,))
needs_nncf = pytest.mark.skipif(not has_nncf(), reason="nncf is not installed")


@pytest.fixture(scope="module")
def done(colours: Path, parts: list[Path], tmp_path_factory: pytest.TempPathFactory) -> OptimizeReport:
    """What came of the classifier of colours, without int8."""
    return optimize(colours, out=tmp_path_factory.mktemp("out") / "fast.andon", images=parts, options=FAST)


def test_the_new_bundle_loads_and_has_the_evidence(done: OptimizeReport, colours: Path) -> None:
    """What is first is what the evidence calls so, and every candidate is in it, with the digest of the old bundle."""
    bundle = read_bundle(done.path)
    assert bundle.digest == done.digest
    evidence = read_evidence(bundle)
    assert evidence == done.evidence
    assert evidence.source == read_bundle(colours).digest
    first = next(each for each in evidence.candidates if each.fate == "first")
    model = load(done.path, threads=1)
    assert (model.execution.runtime, model.execution.precision) == (first.runtime, first.precision)
    assert all(each.speeds for each in evidence.candidates if each.fate != "failed")


def test_folders_called_as_labels_are_the_truth(done: OptimizeReport) -> None:
    """So the share of right answers is told."""
    agreement = done.evidence.candidates[0].agreement
    assert agreement is not None
    assert agreement.reference_accuracy is not None
    assert agreement.reference_accuracy.total == 150


def test_finished_work_is_taken_away(done: OptimizeReport) -> None:
    """Only the bundle is left."""
    assert [path.name for path in done.path.parent.iterdir()] == [done.path.name]


def test_a_run_that_was_stopped_goes_on(colours: Path, parts: list[Path], tmp_path: Path) -> None:
    """What was compared before is taken from the work, and nothing is written by the one that was stopped."""
    said: list[str] = []

    def stop(_done: int, _total: int, what: str) -> None:
        said.append(what)
        if what.startswith("timing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimize(colours, out=tmp_path / "out.andon", images=parts, options=FAST, work=tmp_path / "work", progress=stop)
    assert not (tmp_path / "out.andon").exists()
    (kept,) = (tmp_path / "work").glob("*/onnx-onnxruntime-fp32.json")
    told = msgspec.json.decode(kept.read_bytes())
    told["evidence"]["golden_difference"] = 0.000123
    kept.write_bytes(msgspec.json.encode(told))
    done = optimize(colours, out=tmp_path / "out.andon", images=parts, options=FAST, work=tmp_path / "work")
    assert done.evidence.candidates[0].golden_difference == 0.000123
    assert kept.exists()


def test_other_limits_are_other_work(colours: Path, parts: list[Path], tmp_path: Path) -> None:
    """What was held to them before says nothing."""
    for number in (0.1, 0.2):
        options = msgspec.structs.replace(FAST, limits=msgspec.structs.replace(FAST.limits, max_change=number))
        optimize(colours, out=tmp_path / "out.andon", images=parts, options=options, work=tmp_path / "work")
    assert len(list((tmp_path / "work").iterdir())) == 2


def test_without_images_only_fp32_can_be_first(colours: Path, tmp_path: Path) -> None:
    """Three golden samples prove nothing of another precision; the note says what to give."""
    done = optimize(colours, out=tmp_path / "out.andon", options=Options(batches=(1,), threads=(1,)))
    assert done.executions[0].precision == "fp32"
    assert {each.fate for each in done.evidence.candidates if each.precision == "bf16"} <= {"refused", "failed"}
    assert any("int8 is not tried" in note for note in done.evidence.notes)


def test_with_no_time_only_the_reference_is_tried(colours: Path, parts: list[Path], tmp_path: Path) -> None:
    """It must be, to hold the bundle together; the notes say what was left out."""
    options = msgspec.structs.replace(FAST, budget_s=0.0, int8=True)
    done = optimize(colours, out=tmp_path / "out.andon", images=parts, options=options)
    assert [each.runtime for each in done.evidence.candidates] == ["onnxruntime"]
    assert done.gain == 1
    if has_nncf():
        assert "int8 was not tried: the time was over" in done.evidence.notes


@needs_nncf
def test_int8_is_searched_and_what_holds_can_be_loaded(colours: Path, parts: list[Path], tmp_path: Path) -> None:
    """It is part of the evidence in every case, and of the bundle only where it is listed."""
    options = msgspec.structs.replace(FAST, int8=True)
    done = optimize(colours, out=tmp_path / "out.andon", images=parts, options=options)
    fates = [each.fate for each in done.evidence.candidates if each.precision == "int8"]
    assert fates
    assert ("int8" in [a.name for a in read_bundle(done.path).manifest.artifacts]) == bool(
        {"first", "listed"} & {*fates}
    )


def test_the_bundle_is_not_written_over_itself(colours: Path) -> None:
    """It is what the new one is held to."""
    with pytest.raises(UsageError, match="take the place of the old one"):
        optimize(colours, out=colours)


def test_a_bundle_that_does_not_prove_itself_is_not_optimised(tmp_path: Path, parts: list[Path]) -> None:
    """What others are held to must itself be right."""
    wrong = write_colours(tmp_path / "wrong.andon", input={"resize": {"mode": "exact", "size": [32, 32]}})
    with pytest.raises(ProofError):
        optimize(wrong, out=tmp_path / "out.andon", images=parts, options=FAST)
    assert not (tmp_path / "out.andon").exists()


def test_a_bundle_without_fp32_has_nothing_to_hold_others_to(tmp_path: Path) -> None:
    """The error says where to look."""
    only = [{"artifact": "onnx", "runtime": "onnxruntime", "device": "cuda"}]
    path = write_colours(tmp_path / "card.andon", executions=only)
    with pytest.raises(RuntimeFault, match="nothing to hold others to") as caught:
        optimize(path, out=tmp_path / "out.andon")
    assert caught.value.code == "runtime.none"


def test_own_code_is_run_only_where_it_is_trusted(tmp_path: Path) -> None:
    """As everywhere."""
    path = write_colours(tmp_path / "own.andon", output={"labels": ["red", "green", "blue"], "finish": "os:getcwd"})
    with pytest.raises(TrustError):
        optimize(path, out=tmp_path / "out.andon")


def test_a_graph_that_int8_would_break_stays_as_it_is(tmp_path: Path, parts: list[Path]) -> None:
    """Whatever is measured, nothing that changes the answers comes first."""
    done = optimize(
        write_colours(tmp_path / "a.andon", colour_graph()), out=tmp_path / "out.andon", images=parts, options=FAST
    )
    found = [load(done.path, threads=1).predict(path).label for path in parts[:6]]
    assert found == [path.parent.name for path in parts[:6]]
