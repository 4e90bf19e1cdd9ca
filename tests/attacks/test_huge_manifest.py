"""
Attack: a manifest of 100 MB, so that parsing it takes all time and memory.

Defence: its size is limited to 4 MiB and looked at before it is read.
"""

from pathlib import Path

from tests.attacks.support import MANIFEST, Contents, Forged, Lay, Refused, forge_contents, lay_folder

SIZE = 100_000_000


def test_100_mb_in_an_archive_are_not_read(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The size in the directory is refused."""
    path = forge_contents(tmp_path / "a.andon", contents, Forged(name=MANIFEST.encode(), data=SIZE))
    refused(path, "bundle.limit", MANIFEST, str(SIZE), peak_bytes=64 * 1024)


def test_100_mb_in_a_folder_are_not_read(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The size of the file is refused."""
    path = lay_folder(tmp_path / "folder", contents)
    with (path / MANIFEST).open("r+b") as file:
        file.truncate(SIZE)
    refused(path, "bundle.limit", MANIFEST, str(SIZE), peak_bytes=64 * 1024)


def test_a_manifest_within_the_limit_is_bounded(contents: Contents, lay: Lay, refused: Refused) -> None:
    """4 MiB of one label are refused in a few times as much memory, without the label in the message."""
    long = contents[MANIFEST].replace(b'"red"', b'"' + b"r" * 4_100_000 + b'"')
    refused(lay({**contents, MANIFEST: long}), "bundle.field", "$.output.labels[0]", peak_bytes=32 * 1024**2)


def test_an_end_beyond_the_limit_of_the_directory_is_refused(
    contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """A directory of 100 MB is refused by the end record."""
    spoilt = Forged(name=b"x", data=b"", entry_extra=b"")
    path = forge_contents(tmp_path / "a.andon", contents, spoilt, directory_bytes=SIZE)
    refused(path, "bundle.limit", str(SIZE), peak_bytes=64 * 1024)
