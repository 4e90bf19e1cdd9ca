"""
Attack: the headers of the archive lie about sizes, so that one reader takes more, or other, bytes than the next.

Defence: the local header repeats the directory to the byte, each member begins where the one
before it ends, and the last one ends where the directory begins.
"""

from pathlib import Path

import pytest

from andon.bundle.archive import read_bundle
from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge, forge_contents

SIZES = [0, 1, 10**6, 0x7FFFFFFF, 0xFFFFFFFE]


@pytest.mark.parametrize("size", SIZES)
def test_a_lie_in_the_directory_is_refused(size: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A stored size of anything but the bytes that are there is refused."""
    lie = {"stored": size, "size": size}
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], entry=lie)
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive")


@pytest.mark.parametrize("size", SIZES)
def test_a_lie_in_both_headers_is_refused(size: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Two headers that agree on a lie do not fit the file."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], both={"stored": size, "size": size})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive")


@pytest.mark.parametrize("size", SIZES)
def test_a_lie_in_the_local_header_is_refused(size: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A reader that starts at the front would believe it."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], local={"stored": size, "size": size})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH, "local header")


@pytest.mark.parametrize("field", ["stored", "size"])
def test_two_sizes_of_one_member_are_refused(field: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """What is stored has one size."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], both={field: 5})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.member.compressed", GRAPH)


@pytest.mark.parametrize("lie", [{"extra_bytes": 4}, {"name_bytes": 3}, {"name_bytes": 60_000}])
def test_lengths_that_do_not_fit_are_refused(
    lie: dict[str, int], contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """Lengths in the local header that shift the data are refused."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], local=lie)
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH)


def test_a_size_behind_the_data_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A data descriptor puts the sizes where only a guess finds them."""
    zeros = dict.fromkeys(("stored", "size", "checksum"), 0)
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], both={"flags": 0x0008}, local=zeros)
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH, "data descriptor")


@pytest.mark.parametrize("flag", [0x0002, 0x0010, 0x0020, 0x0080, 0x1000, 0x8000])
def test_a_flag_of_other_archives_is_refused(flag: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Flags change what the rest means, so only that of a UTF-8 name, which changes nothing, is taken."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], both={"flags": flag})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH, "flags")


def test_the_flag_of_a_utf_8_name_is_taken(contents: Contents, tmp_path: Path) -> None:
    """Some tools set it on every name."""
    honest = Forged(name=GRAPH.encode(), data=contents[GRAPH], both={"flags": 0x0800})
    assert read_bundle(forge_contents(tmp_path / "a.andon", contents, honest)).members[GRAPH] == contents[GRAPH]


@pytest.mark.parametrize(
    "lie",
    [
        {"count": 5, "disk_count": 5},
        {"count": 7, "disk_count": 7},
        {"count": 0, "disk_count": 0},
        {"disk_count": 5},
        {"disk": 1},
        {"directory_disk": 1},
        {"directory_bytes": 46},
        {"offset": 0},
    ],
)
def test_a_lie_in_the_end_is_refused(lie: dict[str, int], contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The end record agrees with the directory."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    refused(forge(tmp_path / "a.andon", members, **lie), "bundle.archive")


@pytest.mark.parametrize("rest", [b"", b"PK\x01\x02", b"PK\x01\x02" + bytes(41), bytes(46), bytes(100)])
def test_a_directory_without_its_last_entry_is_refused(
    rest: bytes, contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """One entry more is announced than there is, and what stands there is cut off or none."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    members[-1].comment = rest
    members[-1].entry = {"comment_bytes": 0}
    path = forge(tmp_path / "a.andon", members, count=7, disk_count=7)
    refused(path, "bundle.archive", "fewer entries than its end says")


def test_an_entry_on_another_disk_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Archives of several disks are not bundles."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], entry={"disk": 1})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH)


def test_a_last_member_that_is_too_long_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """It would take the directory for its own bytes."""
    size = len(contents[GRAPH]) + 1
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], both={"stored": size, "size": size})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH, "reach into the directory")
