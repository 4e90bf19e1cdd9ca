"""
Attack: a bundle with something before or behind it is two files at once: a program, an image, another archive.

Defence: an archive begins with its first member, ends with its end record without a comment, and
every byte between belongs to a member or to the directory.
"""

from pathlib import Path

import pytest

from tests.attacks.support import Contents, Forged, Refused, forge, lay_archive

SURROUNDINGS = {
    "a byte": b"\x00",
    "a program": b"#!/bin/sh\nevil\nexit\n",
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a line": b"\n",
    "64 kB": bytes(70_000),
}


@pytest.mark.parametrize("data", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_data_before_the_archive_are_refused(data: bytes, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A zip reader that searches from the back would not care."""
    path = lay_archive(tmp_path / "a.andon", contents)
    path.write_bytes(data + path.read_bytes())
    refused(path, "bundle.format", "does not start")


@pytest.mark.parametrize("data", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_data_behind_the_archive_are_refused(data: bytes, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A zip reader that searches for the end would not care."""
    path = lay_archive(tmp_path / "a.andon", contents)
    path.write_bytes(path.read_bytes() + data)
    refused(path, "bundle.archive", "appended")


def test_an_archive_before_the_archive_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A reader from the front would take the first, one from the back the second."""
    first = lay_archive(tmp_path / "first.andon", {**contents, "bundle.json": b"{}"}).read_bytes()
    path = lay_archive(tmp_path / "a.andon", contents)
    path.write_bytes(first + path.read_bytes())
    refused(path, "bundle.archive")


def test_an_archive_before_whose_offsets_fit_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Also where the second has been told where it lies."""
    first = lay_archive(tmp_path / "first.andon", {**contents, "bundle.json": b"{}"}).read_bytes()
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    members[0].before = first
    refused(forge(tmp_path / "a.andon", members), "bundle.archive", "leave a gap")


@pytest.mark.parametrize("comment", [b"x", b"PK\x05\x06" + bytes(18), bytes(65_535)])
def test_a_comment_is_refused(comment: bytes, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A comment can hold another end record, which some readers would find first."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    refused(forge(tmp_path / "a.andon", members, comment), "bundle.archive")


def test_an_end_record_that_hides_a_comment_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The last 22 bytes are an end record that claims a comment beyond the file."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    refused(forge(tmp_path / "a.andon", members, comment_bytes=10), "bundle.archive", "comment")


@pytest.mark.parametrize("position", [0, 3, -1])
def test_bytes_between_members_are_refused(position: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A gap can hold a member that only readers from the front see."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    members[position].before = b"PK\x03\x04 hidden"
    refused(forge(tmp_path / "a.andon", members), "bundle.archive", "leave a gap")


def test_bytes_before_the_directory_are_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The last gap, between members and directory, is none either."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    path = forge(tmp_path / "a.andon", members)
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    offset = directory.to_bytes(4, "little")
    moved = (directory + 5).to_bytes(4, "little")
    end = data[directory:]
    assert end.count(offset) == 1
    path.write_bytes(data[:directory] + b"12345" + end.replace(offset, moved))
    refused(path, "bundle.archive", "5 bytes before its directory")


def test_a_comment_of_a_member_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Comments of members are room for a second meaning too."""
    members = [Forged(name=name.encode(), data=data, comment=b"evil") for name, data in contents.items()]
    refused(forge(tmp_path / "a.andon", members), "bundle.archive", "bundle.json", "comment")
