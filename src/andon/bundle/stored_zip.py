"""
The one shape of zip that bundles have: stored members one after another, the directory, the end.

Zip says most things twice, so that a reader from the front, a reader from the back and one that
repairs can each see another archive. Here each byte has one meaning. Gaps, overlaps, comments,
extra fields, zip64, data descriptors, compression and links are refused; Python's `zipfile` and
`zip -0 -X -D` write the shape too. It knows nothing of manifests and digests.

Source:
    PKWARE APPNOTE.TXT 6.3.10: 4.3.7 local header, 4.3.12 directory, 4.3.16 end record.
"""

import os
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from andon.bundle.fields import MAX_MEMBER_NAME
from andon.bundle.manifest import MAX_MEMBERS, is_safe_member, unsafe_member
from andon.errors import BundleError

_LOCAL, _ENTRY, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_SHARED = struct.Struct("<5H3L2H")
"""What both headers say: version, flags, method, time, date, CRC-32, two sizes, two lengths."""
_OWN = struct.Struct("<3H2L")
"""What only the directory says: comment length, disk, internal and external attributes, offset."""
_END_FIELDS = struct.Struct("<4H2LH")
_LOCAL_BYTES = 4 + _SHARED.size
_ENTRY_BYTES = 4 + 2 + _SHARED.size + _OWN.size
_END_BYTES = 4 + _END_FIELDS.size
_MAX_DIRECTORY_BYTES = MAX_MEMBERS * (_ENTRY_BYTES + MAX_MEMBER_NAME)

_FLAGS_OF_ENCRYPTION = 0x0001 | 0x0040 | 0x2000
_FLAG_OF_DESCRIPTOR = 0x0008
_FLAG_OF_UTF8_NAME = 0x0800
_DOS_FOLDER_OR_VOLUME = 0x10 | 0x08
_VERSION = 20
_MADE_BY_UNIX = 3 << 8 | _VERSION
_FIRST_DATE = 1 << 5 | 1
"""1980-01-01, the earliest that zip can say."""
_REGULAR_FILE = (stat.S_IFREG | 0o644) << 16

_ZIP = "a bundle folder becomes an archive with `zip -0 -X -D -r ../NAME.andon .`, run inside it"
_ZIP_HINT = f"pack it again; {_ZIP}"
_NO_BUNDLE_HINT = f"a checkpoint becomes a bundle with `andon pack`; {_ZIP}"


class _Entry(Struct, frozen=True, kw_only=True):
    """What the directory says of one member, not yet judged."""

    name: str
    """Bytes that are not ASCII are escaped, so that no such name is a safe one."""
    shared: bytes
    """What the local header must repeat to the byte."""
    flags: int
    method: int
    checksum: int
    stored_bytes: int
    size_bytes: int
    extra_bytes: int
    comment_bytes: int
    disk: int
    attributes: int
    offset: int

    @property
    def data_offset(self) -> int:
        """Where the data begin, if the local header is what it should be."""
        return self.offset + 4 + len(self.shared)

    @property
    def end(self) -> int:
        """Where the data end."""
        return self.data_offset + self.size_bytes


class StoredZip:
    """
    An archive of the one shape, open for reading.

    Opening reads the directory, which is bounded first, and nothing else.

    Args:
        path: A regular file.
        where: What to call it in errors.

    Raises:
        BundleError: `bundle.format`, `bundle.archive` or `bundle.limit`.
        OSError: The file cannot be opened or read.
    """

    def __init__(self, path: Path, where: str) -> None:
        self._where = where
        self._file = path.open("rb")
        try:
            self._directory_offset, count, directory = self._read_directory()
            self._entries = list(self._parse(directory, count))
        except BaseException:
            self._file.close()
            raise
        self._by_name = {entry.name: entry for entry in self._entries}

    def __enter__(self) -> "StoredZip":
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()

    def holds(self, name: str) -> bool:
        """Ask whether the directory names a member; it need not be a sound one."""
        return name in self._by_name

    def names(self) -> set[str]:
        """
        Judge every member, and give their names.

        Raises:
            BundleError: `bundle.member.name`, `.link`, `.compressed` or `.duplicate`, or
                `bundle.archive` for members that do not follow each other.
        """
        names: set[str] = set()
        position = 0
        for entry in self._entries:
            self._require_plain(entry)
            if entry.name in names:
                raise BundleError("the member occurs twice", code="bundle.member.duplicate", where=self._at(entry))
            self._require_next(entry, position)
            names.add(entry.name)
            position = entry.end
        if position != self._directory_offset:
            raise self._damaged(f"{self._directory_offset - position} bytes before its directory belong to no member")
        return names

    def size(self, name: str) -> int:
        """Give the size of a member in bytes."""
        return self._by_name[name].size_bytes

    def read(self, name: str, size_bytes: int) -> bytes:
        """Read a member up to `size_bytes`; less where the file has been cut meanwhile."""
        self._file.seek(self._by_name[name].data_offset)
        return self._file.read(size_bytes)

    def has_checksum(self, name: str, data: bytes) -> bool:
        """Ask whether data have the CRC-32 that the directory says of a member."""
        return zlib.crc32(data) == self._by_name[name].checksum

    def _read_directory(self) -> tuple[int, int, bytes]:
        """Give the offset of the directory, the number of its entries and its bytes."""
        size = os.fstat(self._file.fileno()).st_size
        if self._file.read(4) not in (_LOCAL, _END):
            raise BundleError(
                "the file does not start as a bundle archive does" if size else "the file is empty",
                code="bundle.format",
                where=self._where,
                hint=_NO_BUNDLE_HINT,
            )
        self._file.seek(max(0, size - _END_BYTES))
        end = self._file.read(_END_BYTES)
        if len(end) != _END_BYTES or not end.startswith(_END):
            raise self._damaged("it does not end with its directory: it is cut off, or something is appended")
        disk, directory_disk, disk_count, count, directory_bytes, offset, comment_bytes = _END_FIELDS.unpack(end[4:])
        if count > MAX_MEMBERS or directory_bytes > _MAX_DIRECTORY_BYTES:
            raise BundleError(
                f"the archive has {count} members in a directory of {directory_bytes} bytes, "
                f"at most {MAX_MEMBERS} in {_MAX_DIRECTORY_BYTES} are allowed",
                code="bundle.limit",
                where=self._where,
            )
        if disk or directory_disk or disk_count != count or comment_bytes:
            raise self._damaged("its end speaks of several disks or of a comment")
        if offset + directory_bytes + _END_BYTES != size:
            raise self._damaged("its directory is not where its end says")
        self._file.seek(offset)
        return offset, count, self._file.read(directory_bytes)

    def _parse(self, directory: bytes, count: int) -> Iterator[_Entry]:
        position = 0
        for _ in range(count):
            if len(directory) - position < _ENTRY_BYTES or not directory.startswith(_ENTRY, position):
                raise self._damaged("its directory has fewer entries than its end says")
            shared = directory[position + 6 : position + 6 + _SHARED.size]
            _, flags, method, _, _, checksum, stored_bytes, size_bytes, name_bytes, extra_bytes = _SHARED.unpack(shared)
            own = _OWN.unpack_from(directory, position + 6 + _SHARED.size)
            comment_bytes, disk, _, attributes, offset = own
            name = directory[position + _ENTRY_BYTES :][:name_bytes]
            yield _Entry(
                name=name.decode("ascii", "backslashreplace"),
                shared=shared + name,
                flags=flags,
                method=method,
                checksum=checksum,
                stored_bytes=stored_bytes,
                size_bytes=size_bytes,
                extra_bytes=extra_bytes,
                comment_bytes=comment_bytes,
                disk=disk,
                attributes=attributes,
                offset=offset,
            )
            position += _ENTRY_BYTES + name_bytes + extra_bytes + comment_bytes
        if position != len(directory):
            raise self._damaged("its directory has another length than its entries")

    def _require_plain(self, entry: _Entry) -> None:
        """Refuse what the directory shows to be no plain stored file."""
        if not is_safe_member(entry.name):
            raise unsafe_member(entry.name, self._where)
        where = self._at(entry)
        if stat.S_IFMT(entry.attributes >> 16) not in (0, stat.S_IFREG) or entry.attributes & _DOS_FOLDER_OR_VOLUME:
            raise BundleError(
                "the member is a link, a folder or a special file", code="bundle.member.link", where=where
            )
        if entry.flags & _FLAGS_OF_ENCRYPTION or entry.method or entry.stored_bytes != entry.size_bytes:
            raise BundleError(
                f"the member is {'encrypted' if entry.flags & _FLAGS_OF_ENCRYPTION else 'compressed'}, "
                "expected it stored as it is",
                code="bundle.member.compressed",
                where=where,
                hint=_ZIP_HINT,
            )
        if entry.flags & _FLAG_OF_DESCRIPTOR:
            raise self._damaged("the size of the member stands behind its data, in a data descriptor", where)
        if entry.flags & ~_FLAG_OF_UTF8_NAME or entry.extra_bytes or entry.comment_bytes or entry.disk:
            raise self._damaged("the member has flags, extra fields or a comment that no bundle uses", where)

    def _require_next(self, entry: _Entry, position: int) -> None:
        """Require that a member begins where the one before it ends, and that its local header agrees."""
        where = self._at(entry)
        if entry.offset != position:
            raise self._damaged(
                f"the member begins at byte {entry.offset}, expected {position}; members overlap or leave a gap", where
            )
        if entry.end > self._directory_offset:
            raise self._damaged(f"the {entry.size_bytes} bytes of the member reach into the directory", where)
        self._file.seek(position)
        if self._file.read(entry.data_offset - position) != _LOCAL + entry.shared:
            raise self._damaged("the local header of the member says something else than the directory", where)

    def _at(self, entry: _Entry) -> str:
        return f"{self._where} › {entry.name}"

    def _damaged(self, reason: str, where: str = "") -> BundleError:
        return BundleError(
            f"the archive is not written as bundles are, or is damaged: {reason}",
            code="bundle.archive",
            where=where or self._where,
            hint=_ZIP_HINT if where else _NO_BUNDLE_HINT,
        )


def write_stored_zip(file: BinaryIO, contents: Mapping[str, bytes]) -> None:
    """
    Write an archive of the one shape; equal contents give equal bytes.

    Args:
        file: Open for writing, at its start.
        contents: Bytes by safe member name, in the order to be written; at most `MAX_MEMBERS`,
            of `MAX_BUNDLE_BYTES` together.
    """
    directory = b""
    offset = 0
    for name, data in contents.items():
        raw_name = name.encode("ascii")
        size = len(data)
        shared = _SHARED.pack(_VERSION, 0, 0, 0, _FIRST_DATE, zlib.crc32(data), size, size, len(raw_name), 0)
        own = _OWN.pack(0, 0, 0, _REGULAR_FILE, offset)
        directory += _ENTRY + struct.pack("<H", _MADE_BY_UNIX) + shared + own + raw_name
        file.write(_LOCAL + shared + raw_name)
        file.write(data)
        offset += _LOCAL_BYTES + len(raw_name) + size
    count = len(contents)
    file.write(directory + _END + _END_FIELDS.pack(0, 0, count, count, len(directory), offset, 0))
