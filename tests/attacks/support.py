"""What the attacks share: a sound bundle to spoil, and hands that forge archives field by field."""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.support.bundles import declared_files

GRAPH = "artifacts/onnx/model.onnx"
"""The artifact of the sound bundle."""
EXPECTED = "golden/expected.safetensors"
"""Its golden tensors."""
MANIFEST = "bundle.json"

Contents = dict[str, bytes]
"""Bytes by member name, `bundle.json` among them."""
Lay = Callable[[Mapping[str, bytes]], Path]
"""Writes contents as an archive or as a folder and returns the path."""
Refused = Callable[..., str]
"""Holds a path to be refused as it should be, and returns the message."""


def lay_archive(path: Path, contents: Mapping[str, bytes]) -> Path:
    """Write contents as a zip of stored members, with a foreign tool."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def lay_folder(path: Path, contents: Mapping[str, bytes]) -> Path:
    """Write contents as files below a folder."""
    for name, data in contents.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return path


def changed(contents: Mapping[str, bytes], change: Callable[[dict[str, Any]], object]) -> Contents:
    """Give the contents with another manifest: `change` gets it as plain data, to spoil in place."""
    manifest = json.loads(contents[MANIFEST])
    change(manifest)
    return {**contents, MANIFEST: json.dumps(manifest, indent=2).encode()}


def redeclared(contents: Mapping[str, bytes], members: Mapping[str, bytes]) -> Contents:
    """Give the contents with further or other members, each declared with its own size and digest."""
    together = {**contents, **members}
    return changed(together, lambda manifest: manifest["files"].update(declared_files(members)))


class Forged(Struct, kw_only=True):
    """One member of a forged archive; what is not given is as it should be."""

    name: bytes
    data: bytes | int
    """An integer stands for so many zero bytes, which take no room on the disk."""
    local_name: bytes | None = None
    local: dict[str, int] = {}
    """Fields of the local header alone, by the names in `_SHARED`."""
    entry: dict[str, int] = {}
    """Fields of the directory entry alone, by the names in `_SHARED` and `_OWN`."""
    both: dict[str, int] = {}
    """Fields of both headers."""
    local_extra: bytes = b""
    entry_extra: bytes = b""
    comment: bytes = b""
    before: bytes = b""
    """Bytes put before the local header, which belong to no member."""
    is_listed_only: bool = False
    """Only the directory has it, with the offset given in `entry`."""


_SHARED = ("version", "flags", "method", "time", "date", "checksum", "stored", "size", "name_bytes", "extra_bytes")
_OWN = ("comment_bytes", "disk", "internal", "attributes", "offset")
_END = ("disk", "directory_disk", "disk_count", "count", "directory_bytes", "offset", "comment_bytes")


def forge(path: Path, members: Iterable[Forged], comment: bytes = b"", **end: int) -> Path:
    """
    Write an archive whose headers say what the attack wants them to say.

    Args:
        path: The file to write.
        members: In the order of the file and of the directory.
        comment: Put behind the end record.
        end: Fields of the end record, by the names in `_END`.
    """
    entries = []
    with path.open("wb") as file:
        for member in members:
            file.write(member.before)
            offset = file.tell()
            if not member.is_listed_only:
                file.write(_local_header(member))
                if isinstance(member.data, int):
                    file.truncate(file.seek(member.data, 1))
                else:
                    file.write(member.data)
            entries.append(_directory_entry(member, offset))
        directory = b"".join(entries)
        fields = {
            **dict.fromkeys(("disk", "directory_disk"), 0),
            **dict.fromkeys(("disk_count", "count"), len(entries)),
            "directory_bytes": len(directory),
            "offset": file.tell(),
            "comment_bytes": len(comment),
            **end,
        }
        file.write(directory + b"PK\x05\x06" + struct.pack("<4H2LH", *(fields[name] for name in _END)) + comment)
    return path


def forge_contents(path: Path, contents: Mapping[str, bytes], spoilt: Forged, **end: int) -> Path:
    """Forge an archive in which one member, new or one of the contents, is spoilt."""
    sound = [Forged(name=name.encode(), data=data) for name, data in contents.items() if name.encode() != spoilt.name]
    return forge(path, [*sound, spoilt], **end)


def _shared_fields(member: Forged, name: bytes, extra: bytes) -> dict[str, int]:
    is_hole = isinstance(member.data, int)
    size = member.data if isinstance(member.data, int) else len(member.data)
    return {
        "version": 20,
        "flags": 0,
        "method": 0,
        "time": 0,
        "date": 33,
        "checksum": 0 if is_hole else zlib.crc32(bytes(member.data)),
        "stored": size,
        "size": size,
        "name_bytes": len(name),
        "extra_bytes": len(extra),
        **member.both,
    }


def _local_header(member: Forged) -> bytes:
    name = member.name if member.local_name is None else member.local_name
    fields = {**_shared_fields(member, name, member.local_extra), **member.local}
    return b"PK\x03\x04" + struct.pack("<5H3L2H", *(fields[key] for key in _SHARED)) + name + member.local_extra


def _directory_entry(member: Forged, offset: int) -> bytes:
    own = {
        "comment_bytes": len(member.comment),
        "disk": 0,
        "internal": 0,
        "attributes": 0o100644 << 16,
        "offset": offset,
    }
    fields = {**_shared_fields(member, member.name, member.entry_extra), **own, **member.entry}
    return (
        b"PK\x01\x02"
        + struct.pack("<H5H3L2H", 3 << 8 | 20, *(fields[key] for key in _SHARED))
        + struct.pack("<3H2L", *(fields[key] for key in _OWN))
        + member.name
        + member.entry_extra
        + member.comment
    )


def with_artifact(contents: Mapping[str, bytes], kind: str, data: bytes, **fields: Any) -> Contents:
    """Give the contents with another artifact in place of that of ONNX, run by torch."""
    path = f"artifacts/{kind}/model"

    def exchange(manifest: dict[str, Any]) -> None:
        del manifest["files"][GRAPH]
        manifest["artifacts"] = [{"name": kind, "format": kind, "path": path, **fields}]
        manifest["executions"] = [{"artifact": kind, "runtime": "torch"}]

    kept = {name: member for name, member in contents.items() if name != GRAPH}
    return redeclared(changed(kept, exchange), {path: data})
