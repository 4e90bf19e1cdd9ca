"""
Attack: a pickle, which runs code when it is read, in place of a bundle, of the manifest or of the artifact.

Defence: nothing here is ever given to Python's unpickler. A file that does not start as a bundle
is refused; a zip without bundle.json is none; an artifact goes to a parser of ONNX alone.
"""

import pickle
import zipfile
from pathlib import Path

import pytest

import andon
from andon.errors import RuntimeFault
from tests.attacks.support import EXPECTED, GRAPH, Contents, Lay, Refused, lay_archive, redeclared


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._trace,))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Name the file that exists once the pickle has run."""
    return tmp_path / "unpickled"


def test_the_pickle_is_a_true_one(trace: Path) -> None:
    """Unpickled, it does leave its trace."""
    pickle.loads(pickle.dumps(Evil(trace)))  # noqa: S301 -- shows that the attack is one
    assert trace.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_no_bundle(protocol: int, trace: Path, tmp_path: Path, refused: Refused) -> None:
    """A pickle of any protocol is refused by its first bytes."""
    path = tmp_path / "model.andon"
    path.write_bytes(pickle.dumps(Evil(trace), protocol))
    refused(path, "bundle.format", "model.andon", "andon pack")
    assert not trace.exists()


@pytest.mark.parametrize("suffix", ["pt", "pth", "andon"])
def test_a_checkpoint_is_no_bundle(suffix: str, trace: Path, tmp_path: Path, refused: Refused) -> None:
    """A zip with data.pkl, as torch.save writes it, has no bundle.json, and the message says how to pack it."""
    pickled = {"model/data.pkl": pickle.dumps(Evil(trace), 2), "model/version": b"3\n", "model/data/0": bytes(64)}
    path = lay_archive(tmp_path / f"model.{suffix}", pickled)
    refused(path, "bundle.member.missing", "no bundle.json", "andon pack")
    assert not trace.exists()


def test_a_bundle_with_a_pickle_beside_is_refused(contents: Contents, lay: Lay, trace: Path, refused: Refused) -> None:
    """An archive that is a bundle and a checkpoint at once is refused for its extra member."""
    refused(lay({**contents, "model/data.pkl": pickle.dumps(Evil(trace), 2)}), "bundle.member.extra", "model/data.pkl")
    assert not trace.exists()


def test_a_pickled_manifest_is_refused(contents: Contents, lay: Lay, trace: Path, refused: Refused) -> None:
    """The manifest is JSON."""
    refused(lay({**contents, "bundle.json": pickle.dumps(Evil(trace))}), "bundle.json", "not valid JSON")
    assert not trace.exists()


@pytest.mark.parametrize("form", ["pickle", "checkpoint"])
def test_a_pickle_as_artifact_is_not_unpickled(
    form: str, contents: Contents, lay: Lay, trace: Path, tmp_path: Path
) -> None:
    """Correctly declared, it reaches the runtime, which refuses it as no ONNX file."""
    data = pickle.dumps(Evil(trace))
    if form == "checkpoint":
        with zipfile.ZipFile(tmp_path / "checkpoint", "w") as archive:
            archive.writestr("model/data.pkl", data)
        data = (tmp_path / "checkpoint").read_bytes()
    with pytest.raises(RuntimeFault) as caught:
        andon.load(lay(redeclared(contents, {GRAPH: data})))
    assert caught.value.code == "runtime.load"
    assert GRAPH in caught.value.where
    assert not trace.exists()


def test_pickled_golden_samples_are_not_unpickled(contents: Contents, lay: Lay, trace: Path) -> None:
    """Correctly declared, they are refused as no safetensors file."""
    with pytest.raises(andon.AndonError) as caught:
        andon.load(lay(redeclared(contents, {EXPECTED: pickle.dumps(Evil(trace))})))
    assert caught.value.code == "bundle.golden"
    assert not trace.exists()
