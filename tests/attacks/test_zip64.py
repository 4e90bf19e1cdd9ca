"""
Attack: zip64 gives every size and offset a second home, so that readers with and without it see two archives.

Defence: bundles are plain zip. Extra fields, records of zip64 before the end, and the numbers that
stand for "look there" are refused.
"""

import struct
import zipfile
from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge, forge_contents

MAX = 0xFFFFFFFF


def zip64_extra(*values: int) -> bytes:
    """Make the extra field 0x0001 with 64-bit numbers."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


@pytest.mark.parametrize("place", ["entry_extra", "local_extra", "both"])
def test_sizes_in_an_extra_field_are_refused(place: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The true sizes in the extra field, and the number that points there in the header."""
    extra = zip64_extra(len(contents[GRAPH]), len(contents[GRAPH]))
    places = ["entry_extra", "local_extra"] if place == "both" else [place]
    spoilt = Forged(
        name=GRAPH.encode(),
        data=contents[GRAPH],
        both={"stored": MAX, "size": MAX},
        **dict.fromkeys(places, extra),
    )
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH)


def test_a_quiet_extra_field_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Other sizes in the extra field, which only some readers prefer to those in the header."""
    extra = zip64_extra(5, 5)
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], entry_extra=extra, local_extra=extra)
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH, "extra fields")


def test_an_archive_written_as_zip64_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """What zipfile writes when it is made to use zip64."""
    path = tmp_path / "a.andon"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    refused(path, "bundle.archive")


@pytest.mark.parametrize("field", ["offset", "directory_bytes", "count"])
def test_an_end_that_points_to_zip64_is_refused(
    field: str, contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """The numbers that stand for "see the zip64 record" are no numbers of a bundle."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    end = {"count": 0xFFFF, "disk_count": 0xFFFF} if field == "count" else {field: MAX}
    refused(forge(tmp_path / "a.andon", members, **end), "bundle.archive" if field == "offset" else "bundle.limit")


def test_records_of_zip64_before_the_end_are_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """As torch.save writes them: a second end, which readers of zip64 believe first."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    path = forge(tmp_path / "a.andon", members)
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    size = len(data) - 22 - directory
    record = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 6, 6, size, directory)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, directory + size, 1)
    path.write_bytes(data[:-22] + record + locator + data[-22:])
    refused(path, "bundle.archive", "directory is not where its end says")
