"""The one shape of zip: foreign tools read it, and those that write it are read."""

import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from andon.bundle.stored_zip import StoredZip, write_stored_zip
from andon.errors import BundleError

CONTENTS = {"bundle.json": b"{}", "a/b.txt": b"text", "a/empty": b"", "z": bytes(range(256)) * 10}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write the contents in the one shape."""
    with (tmp_path / "a.zip").open("wb") as file:
        write_stored_zip(file, CONTENTS)
    return tmp_path / "a.zip"


def read_all(path: Path) -> dict[str, bytes]:
    """Read every member of an archive."""
    with StoredZip(path, path.name) as archive:
        return {name: archive.read(name, archive.size(name)) for name in archive.names()}


def test_what_is_written_is_read(path: Path) -> None:
    """Names and bytes come back, empty ones too."""
    assert read_all(path) == CONTENTS


def test_equal_contents_give_equal_bytes() -> None:
    """Nothing of the clock or the machine is written."""
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        write_stored_zip(file, CONTENTS)
    assert files[0].getvalue() == files[1].getvalue()


def test_python_reads_what_is_written(path: Path) -> None:
    """The standard library finds every member whole, stored, and with the mode and date of all bundles."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == CONTENTS
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
def test_unzip_reads_what_is_written(path: Path) -> None:
    """So does the program unzip, without a complaint."""
    done = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=True)
    assert "No errors detected" in done.stdout
    assert done.stderr == ""


@pytest.mark.skipif(not shutil.which("zip"), reason="zip is not installed")
def test_what_zip_writes_is_read(tmp_path: Path) -> None:
    """The command of the hint makes an archive of a folder."""
    for name, data in CONTENTS.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    subprocess.run(["zip", "-q", "-0", "-X", "-D", "-r", "../a.zip", "."], cwd=tmp_path / "folder", check=True)
    assert read_all(tmp_path / "a.zip") == CONTENTS


def test_what_python_writes_is_read(tmp_path: Path) -> None:
    """The standard library writes the shape when it stores, from bytes and from files."""
    (tmp_path / "z").write_bytes(CONTENTS["z"])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in CONTENTS.items():
            if name != "z":
                archive.writestr(name, data)
        archive.write(tmp_path / "z", "z")
    assert read_all(tmp_path / "a.zip") == CONTENTS


def test_an_archive_of_nothing_is_one(tmp_path: Path) -> None:
    """It has no members, and whoever needs one finds that out."""
    with (tmp_path / "a.zip").open("wb") as file:
        write_stored_zip(file, {})
    assert read_all(tmp_path / "a.zip") == {}


def test_a_name_is_held_or_not(path: Path) -> None:
    """Asking for a name reads no member."""
    with StoredZip(path, "a.zip") as archive:
        assert archive.holds("a/b.txt")
        assert not archive.holds("b.txt")


def test_a_checksum_tells_right_bytes_from_wrong(path: Path) -> None:
    """It is the CRC-32 of the directory."""
    with StoredZip(path, "a.zip") as archive:
        assert archive.has_checksum("a/b.txt", b"text")
        assert not archive.has_checksum("a/b.txt", b"texT")


def test_a_file_that_is_cut_meanwhile_gives_less(path: Path) -> None:
    """A short read is no error here; whoever asked compares the size."""
    with StoredZip(path, "a.zip") as archive:
        os.truncate(path, 60)
        assert archive.read("z", archive.size("z")) == b""


def test_opening_reads_no_member(tmp_path: Path) -> None:
    """An archive is judged by its directory: damage in the data is not seen, damage in a header is."""
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        write_stored_zip(file, CONTENTS)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"text", b"TEXT"))
    with StoredZip(path, "a.zip") as archive:
        assert archive.names() == set(CONTENTS)
    path.write_bytes(data.replace(b"a/b.txt", b"a/c.txt", 1))
    with StoredZip(path, "a.zip") as archive, pytest.raises(BundleError, match="local header") as caught:
        archive.names()
    assert caught.value.where == "a.zip › a/b.txt"


class Sink(io.RawIOBase):
    """A file that counts what is written to it, and keeps none but the last bytes."""

    def __init__(self) -> None:
        self.size = 0
        self.last = b""

    def write(self, data: object) -> int:
        """Count, and keep what is short."""
        self.size += len(data)  # type: ignore[arg-type] -- bytes
        self.last = bytes(data) if len(data) < 10_000 else b""  # type: ignore[arg-type,call-overload] -- bytes
        return len(data)  # type: ignore[arg-type] -- bytes


@pytest.mark.slow
def test_offsets_beyond_two_gigabytes_are_written() -> None:
    """Python's own writer stops there; plain zip goes to four."""
    part = bytes(64 * 1024**2)
    sink = Sink()
    names = [f"part-{number}" for number in range(10, 45)]
    write_stored_zip(sink, dict.fromkeys(names, part))  # type: ignore[arg-type] -- it is only written to
    offset_of_directory = int.from_bytes(sink.last[-6:-2], "little")
    assert offset_of_directory == 35 * (len(part) + 30 + 7) > 2**31
    assert sink.size == offset_of_directory + 35 * (46 + 7) + 22
