"""Fixtures for the attacks: contents to spoil, both forms of a bundle, and what a refusal has to be."""

import json
import tracemalloc
from pathlib import Path

import pytest

import andon
from andon.bundle.archive import read_bundle
from andon.bundle.manifest import Artifact, Execution
from andon.errors import BundleError
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.null import NullSession
from andon.runtimes.registry import RUNTIMES
from tests.attacks.support import MANIFEST, Contents, Lay, Refused, lay_archive, lay_folder
from tests.support.bundles import colour_parts

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
def refused(runtime: WatchfulRuntime) -> Refused:
    """
    Hold a path to be refused by `read_bundle` and `andon.load`, before anything is loaded.

    The error has the code, names every word of `naming` and shows nothing that a terminal would
    obey; the refusal takes little memory, so no member that is worth an attack has been read.
    """

    def check(path: Path, code: str, *naming: str, peak_bytes: int = MAX_REFUSAL_BYTES) -> str:
        tracemalloc.start()
        try:
            with pytest.raises(BundleError) as caught:
                read_bundle(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < peak_bytes, f"the refusal took {peak} bytes"
        message = str(caught.value)
        assert caught.value.code == code, message
        assert [word for word in naming if word not in message] == [], message
        assert message.replace("\n", "").isprintable()
        assert len(message) < MAX_MESSAGE
        with pytest.raises(BundleError) as loading:
            andon.load(path)
        assert loading.value.code == code
        assert runtime.opened == []
        return message

    return check
