"""Bundles as a whole: written whole or not at all, always the same bytes, read the same from both forms."""

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from andon.bundle.archive import Bundle, read_bundle, write_bundle
from andon.bundle.manifest import FileEntry, Manifest, encode_manifest
from andon.errors import BundleError, EnvironmentFault
from tests.support.bundles import colour_parts, write_colours

PARTS = colour_parts()
MANIFEST = msgspec.convert(PARTS[0], Manifest)
MEMBERS = PARTS[1]

WRITE = """
import os, sys
os.umask(int(sys.argv[2], 8))
from pathlib import Path
from tests.support.bundles import write_colours
write_colours(Path(sys.argv[1]))
"""


@pytest.fixture
def umask() -> Iterator[None]:
    """Put the umask back that a test changes."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_descriptors() -> int:
    """Count what this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def unpacked(path: Path) -> Path:
    """Unpack an archive beside itself, with a foreign tool."""
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Manifest, members and digest come back as they went."""
    digest = write_bundle(tmp_path / "a.andon", MANIFEST, MEMBERS)
    bundle = read_bundle(tmp_path / "a.andon")
    assert bundle == Bundle(manifest=MANIFEST, digest=digest, members=MEMBERS, where="a.andon")
    assert list(bundle.members) == list(MANIFEST.files)


def test_the_digest_is_that_of_the_manifest(tmp_path: Path) -> None:
    """The identity of a bundle is the SHA-256 of bundle.json, and its version the first 12 digits."""
    digest = write_bundle(tmp_path / "a.andon", MANIFEST, MEMBERS)
    with zipfile.ZipFile(tmp_path / "a.andon") as archive:
        raw = archive.read("bundle.json")
    assert raw == encode_manifest(MANIFEST)
    assert digest == hashlib.sha256(raw).hexdigest()
    assert read_bundle(tmp_path / "a.andon").version == digest[:12]


def test_the_folder_form_is_equal(tmp_path: Path) -> None:
    """An archive that was unpacked is the same bundle, also through a link to its folder."""
    path = write_colours(tmp_path / "a.andon")
    folder = unpacked(path)
    (tmp_path / "link").symlink_to(folder)
    archived = read_bundle(path)
    for form in (folder, tmp_path / "link"):
        found = read_bundle(form)
        assert (found.manifest, found.digest, found.members) == (archived.manifest, archived.digest, archived.members)
        assert found.where == form.name


def test_the_folder_form_may_be_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path without a name is shown as it was given."""
    monkeypatch.chdir(unpacked(write_colours(tmp_path / "a.andon")))
    assert read_bundle(".").where == "."


@pytest.mark.slow
def test_other_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """Hash seed, umask, folder, clock and locale of the process leave no trace."""
    ways = {
        "a": ("000", {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "0"}),
        "b": ("077", {"PYTHONHASHSEED": "2", "TZ": "America/Lima", "LC_ALL": "C"}),
    }
    written = []
    for name, (mask, environment) in ways.items():
        folder = tmp_path / name
        folder.mkdir()
        path = os.pathsep.join(entry for entry in sys.path if entry)
        subprocess.run(
            [sys.executable, "-c", WRITE, str(folder / "x.andon"), mask],
            check=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )
        written.append((folder / "x.andon").read_bytes())
    assert written[0] == written[1]


def test_the_order_of_the_members_does_not_matter(tmp_path: Path) -> None:
    """Members are sorted behind the manifest."""
    write_bundle(tmp_path / "a.andon", MANIFEST, MEMBERS)
    write_bundle(tmp_path / "b.andon", MANIFEST, dict(reversed(MEMBERS.items())))
    assert (tmp_path / "a.andon").read_bytes() == (tmp_path / "b.andon").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.andon") as archive:
        assert archive.namelist() == ["bundle.json", *sorted(MEMBERS)]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_of_the_file_follows_the_umask(mask: int, mode: int, tmp_path: Path, umask: None) -> None:
    """Whoever may read new files may read new bundles."""
    os.umask(mask)
    assert write_colours(tmp_path / "a.andon").stat().st_mode & 0o777 == mode


def test_a_bundle_replaces_the_one_before(tmp_path: Path) -> None:
    """The new file takes the name in one step; a reader of the old one keeps it."""
    path = tmp_path / "a.andon"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_colours(path)
        assert reader.read() == b"old"
    assert read_bundle(path).manifest == MANIFEST
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk changes nothing and leaves nothing behind."""
    path = write_colours(tmp_path / "a.andon")
    before = path.read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(EnvironmentFault, match="No space left") as caught:
        write_colours(path, name="other")
    assert caught.value.code == "environment.write"
    assert str(path) in caught.value.where
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["nowhere/a.andon", "file/a.andon", "folder", "x" * 256])
def test_a_place_that_cannot_be_written_is_an_environment_fault(name: str, tmp_path: Path) -> None:
    """An absent folder, a file in its place, a folder in the file's place, a name that is too long."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(EnvironmentFault, match="cannot write the bundle") as caught:
        write_colours(tmp_path / name)
    assert caught.value.code == "environment.write"
    assert {entry.name for entry in tmp_path.iterdir()} == {"file", "folder"}


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    """A pipe or a device at the place stays what it is: as root, a bundle would take the place of /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EnvironmentFault, match="regular file") as caught:
        write_colours(tmp_path / "pipe")
    assert caught.value.code == "environment.write"
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_name_of_any_length_that_the_system_takes_is_written(tmp_path: Path) -> None:
    """The temporary name beside it is not longer."""
    assert read_bundle(write_colours(tmp_path / ("x" * 249 + ".andon"))).manifest == MANIFEST


@pytest.mark.slow
def test_two_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Threads that write one path leave one of the bundles there, whole."""
    path = tmp_path / "a.andon"
    writers = [threading.Thread(target=write_colours, args=(path,), kwargs={"name": f"n{n}"}) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert read_bundle(path).manifest.name in {f"n{n}" for n in range(8)}
    assert list(tmp_path.iterdir()) == [path]


GRAPH = "artifacts/onnx/model.onnx"


@pytest.mark.parametrize(
    ("members", "code", "name"),
    [
        ({k: v for k, v in MEMBERS.items() if k != GRAPH}, "bundle.member.missing", GRAPH),
        ({**MEMBERS, "evil": b""}, "bundle.member.extra", "evil"),
        ({**MEMBERS, GRAPH: b"x"}, "bundle.size", GRAPH),
        ({**MEMBERS, GRAPH: MEMBERS[GRAPH][:-1] + b"x"}, "bundle.digest", GRAPH),
    ],
)
def test_members_that_do_not_fit_are_not_written(
    members: dict[str, bytes], code: str, name: str, tmp_path: Path
) -> None:
    """What could not be read again is refused with the code that reading would give."""
    with pytest.raises(BundleError) as caught:
        write_bundle(tmp_path / "a.andon", MANIFEST, members)
    assert caught.value.code == code
    assert caught.value.where == f"a.andon › {name}"
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_is_not_valid_is_not_written(tmp_path: Path) -> None:
    """Structs do not check their values when they are made, so writing does."""
    manifest = msgspec.structs.replace(MANIFEST, name="not a name")
    with pytest.raises(BundleError) as caught:
        write_bundle(tmp_path / "a.andon", manifest, MEMBERS)
    assert caught.value.code == "bundle.field"
    assert "$.name" in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_too_many_members_are_not_written(tmp_path: Path) -> None:
    """A bundle has at most 1,000 members, the manifest among them."""
    empty = FileEntry(sha256=hashlib.sha256(b"").hexdigest(), size_bytes=0)
    for number, code in ((999 - len(MEMBERS), None), (1_000 - len(MEMBERS), "bundle.limit")):
        more = {f"notes/{n}.txt": b"" for n in range(number)}
        manifest = msgspec.structs.replace(MANIFEST, files={**MANIFEST.files, **dict.fromkeys(more, empty)})
        if code is None:
            write_bundle(tmp_path / "a.andon", manifest, {**MEMBERS, **more})
            assert len(read_bundle(tmp_path / "a.andon").members) == 999
        else:
            with pytest.raises(BundleError) as caught:
                write_bundle(tmp_path / "b.andon", manifest, {**MEMBERS, **more})
            assert caught.value.code == code


def test_a_bundle_is_closed_after_reading(tmp_path: Path) -> None:
    """Neither form, sound or refused, leaves a descriptor open."""
    path = write_colours(tmp_path / "a.andon")
    folder = unpacked(path)
    (tmp_path / "bad.andon").write_bytes(b"PK\x03\x04 and more")
    (folder / "evil").symlink_to("nowhere")
    before = open_descriptors()
    read_bundle(path)
    for bad in (tmp_path / "bad.andon", folder):
        with pytest.raises(BundleError):
            read_bundle(bad)
    assert open_descriptors() == before
