"""
Attack: members overlap, so that few bytes become many members of many bytes: a bomb without compression.

Defence: each member begins where the one before it ends.
"""

from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge, lay_archive, redeclared


def test_many_names_of_one_place_are_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A hundred entries of the directory point at one member of 10 MB."""
    hole = Forged(name=b"x/0", data=10 * 1024**2)
    members = [*(Forged(name=name.encode(), data=data) for name, data in contents.items()), hole]
    offset = sum(30 + len(name) + len(data) for name, data in contents.items())
    for number in range(1, 100):
        name = b"x/%d" % number
        members.append(Forged(name=name, data=hole.data, entry={"offset": offset}, is_listed_only=True))
    refused(forge(tmp_path / "a.andon", members), "bundle.archive", "x/1", "overlap")


def test_a_member_within_a_member_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """An artifact that contains the local header and data of another member is not read twice."""
    inner = contents[GRAPH]
    header = b"PK\x03\x04" + bytes(26) + b"inner"
    spoilt = redeclared(contents, {GRAPH: header + inner, "inner": inner})
    members = [Forged(name=name.encode(), data=data) for name, data in spoilt.items() if name != "inner"]
    start = sum(30 + len(m.name) + len(m.data) for m in members if m.name != GRAPH.encode())
    entry = {"offset": start + 30 + len(GRAPH)}
    members.append(Forged(name=b"inner", data=inner, entry=entry, is_listed_only=True))
    refused(forge(tmp_path / "a.andon", members), "bundle.archive", "inner", "overlap")


@pytest.mark.parametrize("offset", [0, 1, 0xFFFFFFFE])
def test_an_offset_elsewhere_is_refused(offset: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """An entry that points back, into another member or beyond the file is refused."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    members[-1].entry["offset"] = offset
    refused(forge(tmp_path / "a.andon", members), "bundle.archive", members[-1].name.decode(), f"byte {offset}")


def test_members_in_another_order_are_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The directory lists the members as they stand in the file."""
    path = lay_archive(tmp_path / "a.andon", contents)
    data = path.read_bytes()
    directory, end = data[data.index(b"PK\x01\x02") : -22], data[-22:]
    entries = [b"PK\x01\x02" + entry for entry in directory.split(b"PK\x01\x02")[1:]]
    assert len(entries) == len(contents)
    path.write_bytes(data[: -22 - len(directory)] + b"".join(reversed(entries)) + end)
    refused(path, "bundle.archive")
