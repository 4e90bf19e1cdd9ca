"""The search for an int8 artifact that holds, on a graph that was quantised by hand."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from andon.build.optimize.candidates import Bench, Form, Tried, listed_forms
from andon.build.optimize.images import read_given
from andon.build.optimize.int8 import Int8Search, obstacle
from andon.build.optimize.work import Work
from andon.bundle.archive import Bundle, read_bundle
from andon.bundle.evidence import CandidateEvidence, Limits
from andon.errors import EnvironmentFault
from andon.model.steps import load_steps
from andon.runtimes.registry import is_installed
from tests.support.quantised import LAYER, original, quantised

OTHER = "ReduceMean:average"


@pytest.fixture
def bundle(colours: Path) -> Bundle:
    """The bundle to be quantised."""
    return read_bundle(colours)


@pytest.fixture
def bench(bundle: Bundle, parts: list[Path]) -> Bench:
    """A bench with a few images."""
    steps = load_steps(bundle.manifest.input, bundle.manifest.output)
    return Bench(bundle, steps, read_given(parts[:40], bundle, steps, {}, lambda *_: None), Limits(), threads=1)


def tried(form: Form, *, holds: bool) -> Tried:
    """Say what came of a form."""
    evidence = CandidateEvidence(
        artifact="int8", runtime="onnxruntime", precision="int8", fate="listed" if holds else "refused"
    )
    return Tried(form=form, evidence=evidence)


def searching(
    bench: Bench, bundle: Bundle, work: Work, *, needed: int, is_late: Callable[[], bool] = lambda: False
) -> Int8Search:
    """Search where so many nodes must stay in floats; NNCF is not asked, for the work has its graph."""
    work.put("quantised.onnx", two_layers(0.5).SerializeToString())
    (source,) = listed_forms(bundle, trust=False)
    return Int8Search(
        bench,
        source,
        work,
        attempt=lambda form: tried(form, holds=len(form.float_nodes or ()) >= needed),
        is_late=is_late,
        progress=lambda *_: None,
    )


def two_layers(step: float):
    """Give a graph in which the average over the image is quantised too, finely."""
    import numpy as np
    from onnx import helper, numpy_helper

    model = quantised(step)
    graph = model.graph
    constants = {"fine": np.array(0.03, np.float32), "middle": np.array(128, np.uint8)}
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    position = next(number for number, node in enumerate(graph.node) if node.name == OTHER)
    graph.node[position].input[0] = "normal_near"
    for name, (start, end) in (
        ("DequantizeLinear", ("normal_levels", "normal_near")),
        ("QuantizeLinear", ("normal", "normal_levels")),
    ):
        graph.node.insert(position, helper.make_node(name, [start, "fine", "middle"], [end], name=f"fine {name}"))
    return model


def kept(search: Int8Search) -> list[tuple[str, ...]]:
    """Run a search, and tell which nodes stayed in floats in each attempt."""
    return [each.form.float_nodes or () for each in search.run()]


def test_all_of_it_is_tried_first(bench: Bench, bundle: Bundle, tmp_path: Path) -> None:
    """Where that holds nothing else is."""
    assert kept(searching(bench, bundle, Work(tmp_path, "key"), needed=0)) == [()]


def test_a_graph_of_few_nodes_keeps_none_of_them(bench: Bench, bundle: Bundle, tmp_path: Path) -> None:
    """With more than a third in floats little of the speed would be left."""
    assert kept(searching(bench, bundle, Work(tmp_path, "key"), needed=1)) == [()]


def test_the_loudest_node_stays_in_floats_first(
    bench: Bench, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layer that is rounded coarsely, not the finely rounded one before it; what was heard is kept."""
    monkeypatch.setattr("andon.build.optimize.int8._LARGEST_SHARE", 1)
    work = Work(tmp_path, "key")
    assert kept(searching(bench, bundle, work, needed=1)) == [(), (LAYER,)]
    noises = msgspec.json.decode(work.get("noises.json") or b"")
    assert noises[LAYER] > 10 * noises[OTHER] > 0


def test_what_was_heard_before_is_not_heard_again(
    bench: Bench, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was stopped goes on: here with the opposite of what it would hear."""
    monkeypatch.setattr("andon.build.optimize.int8._LARGEST_SHARE", 1)
    work = Work(tmp_path, "key")
    work.put("noises.json", msgspec.json.encode({OTHER: 9.0, LAYER: 1.0}))
    assert kept(searching(bench, bundle, work, needed=1)) == [(), (OTHER,)]


def test_a_search_ends_with_the_time(bench: Bench, bundle: Bundle, tmp_path: Path) -> None:
    """What was tried so far is what there is."""
    times = iter([False, True, True])
    search = searching(bench, bundle, Work(tmp_path, "key"), needed=9, is_late=lambda: next(times))
    assert kept(search) == [()]


def test_a_graph_with_nothing_in_8_bits_is_not_tried(bench: Bench, bundle: Bundle, tmp_path: Path) -> None:
    """NNCF may find nothing that it could quantise."""
    work = Work(tmp_path, "key")
    search = searching(bench, bundle, work, needed=0)
    work.put("quantised.onnx", original().SerializeToString())
    (source,) = listed_forms(bundle, trust=False)
    again = Int8Search(bench, source, work, attempt=pytest.fail, is_late=lambda: False, progress=lambda *_: None)
    assert search.run()
    assert again.run() == []


def test_what_holds_is_tried_in_the_other_runtimes(bench: Bench, bundle: Bundle, tmp_path: Path) -> None:
    """The same artifact; never in one that is not installed."""
    search = searching(bench, bundle, Work(tmp_path, "key"), needed=0)
    (found,) = search.run()
    names = [form.execution.runtime for form in search.in_other_runtimes(found)]
    assert names == (["onnxruntime"] if is_installed("openvino") else [])


def test_without_nncf_quantising_names_the_command(bench: Bench, bundle: Bundle, tmp_path: Path) -> None:
    """The error says what to install."""
    from andon.build.optimize.quantise import has_nncf

    if has_nncf():
        pytest.skip("nncf is installed")
    (source,) = listed_forms(bundle, trust=False)
    with pytest.raises(EnvironmentFault, match="int8 needs nncf") as caught:
        Int8Search(
            bench,
            source,
            Work(tmp_path, "key"),
            attempt=pytest.fail,
            is_late=lambda: False,
            progress=lambda *_: None,
        )
    assert caught.value.hint == 'pip install "andon[optimize]"'


def test_why_int8_is_not_tried_is_told() -> None:
    """No ONNX, too few images, no NNCF: the first that is in the way."""
    fine = {"has_onnx": True, "are_golden": False, "has_nncf": True}
    assert obstacle(200, **fine) == ""
    assert "no ONNX artifact" in obstacle(200, **{**fine, "has_onnx": False})
    assert "32 images or more" in obstacle(31, **fine)
    assert "give --data" in obstacle(200, **{**fine, "are_golden": True})
    assert 'pip install "andon[optimize]"' in obstacle(200, **{**fine, "has_nncf": False})
