"""Fixtures for the attacks: contents to spoil, both forms of a bundle, and what a refusal has to be."""

import json
import sys
from pathlib import Path

import pytest

import andon
from andon.bundle.archive import read_bundle
from andon.bundle.manifest import Artifact, Execution
from andon.cli.main import main
from andon.engine.local import LocalEngine
from andon.errors import BundleError, TrustError
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.null import NullSession
from andon.runtimes.registry import RUNTIMES
from andon.settings.serve import ServeSettings
from andon.wsgi import create_app
from tests.attacks.support import MANIFEST, Contents, Lay, Refused, lay_archive, lay_folder
from tests.support import hostile_code
from tests.support.bundles import colour_parts
from tests.support.memory import require_peak_below

MAX_REFUSAL_BYTES = 1024 * 1024
"""Memory that a refusal may take: less than any member that is worth an attack."""
MAX_MESSAGE = 1_000


@pytest.fixture(scope="session")
def sound_contents() -> Contents:
    """The sound bundle of colours as bytes by name; do not change it."""
    manifest, members = colour_parts()
    return {MANIFEST: json.dumps(manifest, indent=2).encode(), **members}


@pytest.fixture
def contents(sound_contents: Contents) -> Contents:
    """The sound bundle of colours as bytes by name, to spoil."""
    return dict(sound_contents)


@pytest.fixture(params=["archive", "folder"])
def lay(request: pytest.FixtureRequest, tmp_path: Path) -> Lay:
    """Write contents in one of the two forms of a bundle."""
    if request.param == "archive":
        return lambda contents: lay_archive(tmp_path / "hostile.andon", contents)
    return lambda contents: lay_folder(tmp_path / "hostile", contents)


class WatchfulRuntime:
    """A runtime that remembers what it was asked to load."""

    name = "onnxruntime"
    formats = frozenset({"onnx"})
    precisions = frozenset({"fp32"})

    def __init__(self) -> None:
        self.opened: list[str] = []

    def is_installed(self) -> bool:
        """Return true: it needs no library."""
        return True

    def require_installed(self) -> None:
        """Return: it needs no library."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Remember the artifact, and give a session that answers zeros."""
        self.opened.append(artifact.path)
        return NullSession(options.output_shape or ())


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> WatchfulRuntime:
    """Stand in for ONNX Runtime, so that a test sees what would be loaded."""
    watchful = WatchfulRuntime()
    monkeypatch.setitem(RUNTIMES, watchful.name, watchful)
    return watchful


@pytest.fixture
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which hostile code leaves a file for what it got to do; that code is not imported yet."""
    folder = tmp_path / "traces"
    folder.mkdir()
    monkeypatch.setenv(hostile_code.FOLDER, str(folder))
    monkeypatch.delitem(sys.modules, hostile_code.__name__)
    return folder


@pytest.fixture
def untrusted(traces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """
    Hold a sound bundle that would run code to be refused wherever it is loaded without trust.

    It is read and inspected all the same, no artifact is opened, no code imported, and the error
    names every word of `naming` and says how to allow it.
    """

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        return int(ended.value.code or 0), *capsys.readouterr()

    def check(path: Path, *naming: str) -> str:
        read_bundle(path)
        watchful = WatchfulRuntime()
        with monkeypatch.context() as patch:
            for name in ("onnxruntime", "torch"):
                patch.setitem(RUNTIMES, name, watchful)
            code, shown, _ = run("inspect", path)
            assert (code, "trust       needed" in shown) == (0, True), shown
            for enter in (andon.load, create_app, lambda path: LocalEngine(ServeSettings()).load(str(path))):
                with pytest.raises(TrustError) as caught:
                    enter(path)
                assert caught.value.code == "bundle.trust"
            message = str(caught.value)
            assert [word for word in (*naming, "trust=True", "--trust") if word not in message] == [], message
            for command in (("check", path), ("check", path, "--json"), ("predict", path, path / "image.png")):
                code, shown, told = run(*command)
                assert (code, shown) == (1, ""), told
                assert "TrustError [bundle.trust]" in told
        assert watchful.opened == []
        assert list(traces.iterdir()) == []
        return message

    return check


@pytest.fixture
def refused(runtime: WatchfulRuntime) -> Refused:
    """
    Hold a path to be refused by `read_bundle` and `andon.load`, before anything is loaded.

    The error has the code, names every word of `naming` and shows nothing that a terminal would
    obey; the refusal takes little memory, so no member that is worth an attack has been read.
    """

    def check(path: Path, code: str, *naming: str, peak_bytes: int = MAX_REFUSAL_BYTES) -> str:
        caught: list[BundleError] = []

        def read() -> None:
            with pytest.raises(BundleError) as error:
                read_bundle(path)
            caught.append(error.value)

        require_peak_below(peak_bytes, read)
        message = str(caught[0])
        assert caught[0].code == code, message
        assert [word for word in naming if word not in message] == [], message
        assert message.replace("\n", "").isprintable()
        assert len(message) < MAX_MESSAGE
        with pytest.raises(BundleError) as loading:
            andon.load(path)
        assert loading.value.code == code
        assert runtime.opened == []
        return message

    return check
