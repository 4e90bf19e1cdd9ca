"""
Read and write bundles: a zip of stored members, or a folder of the same layout.

Reading refuses everything that is not exactly what the manifest declares, before any of it is
handed on. The bytes that were hashed are the bytes that are returned: no file is opened twice.
It knows nothing of what the members mean.
"""

import hashlib
import os
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from andon.bundle.manifest import (
    MANIFEST_MEMBER,
    MAX_MANIFEST_BYTES,
    Manifest,
    encode_manifest,
    is_safe_member,
    parse_manifest,
)
from andon.errors import BundleError, EnvironmentFault

MAX_MEMBERS = 1_000
"""Members of one bundle."""
MAX_BUNDLE_BYTES = 4 * 1024**3 - 1
"""Bytes of all members together; it keeps archives within plain zip."""
_MAX_DIRECTORY_BYTES = 1024 * 1024
_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


class Bundle(Struct, frozen=True, kw_only=True):
    """A bundle whose every member is what the manifest says."""

    manifest: Manifest
    digest: str
    """SHA-256 of the raw bytes of `bundle.json`, 64 hex digits; it covers every member."""
    members: Mapping[str, bytes]
    """The verified bytes of every declared member, in the order of `manifest.files`."""
    where: str
    """The file name, for messages."""

    @property
    def version(self) -> str:
        """The version of a bundle outside a registry: the first 12 hex digits of its digest."""
        return self.digest[:12]


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """
    Read a bundle whole and verify every member.

    Args:
        path: An archive (`.andon`) or a folder.

    Returns:
        The manifest, the digest and the verified bytes of all members, held in memory.

    Raises:
        BundleError: One of the `bundle.*` codes, naming the member and the reason. Nothing of
            the bundle has been interpreted beyond its manifest.
    """
    path = Path(path)
    with _open_store(path) as store:
        names = _checked_names(store, path.name)
        if MANIFEST_MEMBER not in names:
            raise BundleError(
                "there is no bundle.json, so this is not a bundle",
                code="bundle.member.missing",
                where=path.name,
                hint="a checkpoint becomes a bundle with `andon pack`",
            )
        raw = _read_member(store, MANIFEST_MEMBER, MAX_MANIFEST_BYTES, path.name)
        manifest = parse_manifest(raw, where=f"{path.name} › {MANIFEST_MEMBER}")
        _require_same_members(manifest, names, path.name)
        members = {name: _read_declared(store, manifest, name, path.name) for name in manifest.files}
    return Bundle(manifest=manifest, digest=hashlib.sha256(raw).hexdigest(), members=members, where=path.name)


def write_bundle(path: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, bytes]) -> str:
    """
    Write an archive; equal arguments give equal bytes, whatever the clock, the umask or the folder.

    The file appears at `path` whole or not at all, and replaces one that was there.

    Args:
        path: Where to write; its folder must exist.
        manifest: Must declare exactly `members` in `files`.
        members: Bytes by name, without `bundle.json`.

    Returns:
        The digest of the bundle.

    Raises:
        BundleError: `bundle.limit`: the members are over a limit of number or size.
        EnvironmentFault: `environment.write`: the file cannot be written.
    """
    path = Path(path)
    raw = encode_manifest(manifest)
    if len(members) >= MAX_MEMBERS or sum(map(len, members.values())) > MAX_BUNDLE_BYTES:
        raise BundleError(
            f"a bundle holds at most {MAX_MEMBERS} members of {MAX_BUNDLE_BYTES} bytes together",
            code="bundle.limit",
            where=path.name,
        )
    try:
        _write_archive(path, {MANIFEST_MEMBER: raw, **dict(sorted(members.items()))})
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write the bundle: {error.strerror or error}", code="environment.write", where=str(path)
        ) from error
    return hashlib.sha256(raw).hexdigest()


def _write_archive(path: Path, contents: Mapping[str, bytes]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
                for name, data in contents.items():
                    archive.writestr(_member_info(name), data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _member_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _FIXED_DATE)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


class _Store(Protocol):
    """An archive or a folder, seen as named members."""

    def __enter__(self) -> "_Store": ...
    def __exit__(self, *args: object) -> None: ...
    def names(self) -> Iterator[str]: ...
    def size(self, name: str) -> int: ...
    def read(self, name: str, size_bytes: int) -> bytes: ...


def _open_store(path: Path) -> _Store:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _Folder(path)
        if stat.S_ISREG(mode):
            return _Archive(path)
    except FileNotFoundError:
        raise BundleError("there is no such file or folder", code="bundle.missing", where=str(path)) from None
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror}", code="bundle.missing", where=str(path)) from None
    raise BundleError("a bundle is a regular file or a folder", code="bundle.format", where=path.name)


class _Archive:
    """A zip archive whose directory has been bounded before it is parsed."""

    def __init__(self, path: Path) -> None:
        self._where = path.name
        self._file = path.open("rb")
        try:
            self._require_plain_zip()
            self._zip = zipfile.ZipFile(self._file)
            self._members = {info.filename: info for info in self._zip.infolist()}
        except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeError) as error:
            self._file.close()
            raise BundleError(f"the archive is damaged: {error}", code="bundle.archive", where=self._where) from None
        except BaseException:
            self._file.close()
            raise

    def _require_plain_zip(self) -> None:
        """Bound the directory by the end record, which a bundle writes without a comment."""
        size = os.fstat(self._file.fileno()).st_size
        if self._file.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
            raise BundleError(
                "the file does not start as a bundle archive does",
                code="bundle.format",
                where=self._where,
                hint="a checkpoint becomes a bundle with `andon pack`",
            )
        self._file.seek(max(0, size - _END_OF_DIRECTORY.size))
        tail = self._file.read()
        if len(tail) != _END_OF_DIRECTORY.size or not tail.startswith(b"PK\x05\x06"):
            raise BundleError(
                "the archive does not end with its directory: it is cut off, or was not written as a bundle",
                code="bundle.archive",
                where=self._where,
            )
        _, disk, _, _, count, directory_bytes, offset, _ = _END_OF_DIRECTORY.unpack(tail)
        if count > MAX_MEMBERS or directory_bytes > _MAX_DIRECTORY_BYTES:
            raise BundleError(
                f"the archive has {count} members in a directory of {directory_bytes} bytes, "
                f"at most {MAX_MEMBERS} in {_MAX_DIRECTORY_BYTES} are allowed",
                code="bundle.limit",
                where=self._where,
            )
        if disk or offset + directory_bytes + len(tail) != size:
            raise BundleError(
                "the directory of the archive is not where its end says", code="bundle.archive", where=self._where
            )

    def __enter__(self) -> "_Archive":
        return self

    def __exit__(self, *args: object) -> None:
        self._zip.close()
        self._file.close()

    def names(self) -> Iterator[str]:
        total = 0
        for info in self._zip.infolist():
            where = f"{self._where} › {info.filename[:255]}"
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                raise BundleError("the member is a link or a special file", code="bundle.member.link", where=where)
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1 or info.compress_size != info.file_size:
                raise BundleError(
                    "the member is compressed or encrypted; the members of a bundle are stored",
                    code="bundle.member.compressed",
                    where=where,
                    hint="write the archive with `zip -0`",
                )
            total += info.file_size
            yield info.filename
        if total > os.fstat(self._file.fileno()).st_size:
            raise BundleError("members of the archive overlap", code="bundle.archive", where=self._where)

    def size(self, name: str) -> int:
        return self._members[name].file_size

    def read(self, name: str, size_bytes: int) -> bytes:
        try:
            with self._zip.open(self._members[name]) as member:
                return member.read(size_bytes)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            raise BundleError(
                f"the member cannot be read: {error}", code="bundle.archive", where=f"{self._where} › {name}"
            ) from None


class _Folder:
    """A folder that holds the members as files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "_Folder":
        return self

    def __exit__(self, *args: object) -> None:
        """A folder holds nothing open."""

    def names(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self._path, onerror=self._refuse):
            for name in (*folders, *files):
                entry = Path(folder, name)
                member = entry.relative_to(self._path).as_posix()
                mode = entry.lstat().st_mode
                if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                    raise BundleError(
                        "the member is a link or a special file",
                        code="bundle.member.link",
                        where=f"{self._path.name} › {member}",
                    )
                if stat.S_ISREG(mode):
                    yield member

    def _refuse(self, error: OSError) -> None:
        raise BundleError(f"a folder cannot be read: {error.strerror}", code="bundle.archive", where=self._path.name)

    def size(self, name: str) -> int:
        return (self._path / name).lstat().st_size

    def read(self, name: str, size_bytes: int) -> bytes:
        try:
            descriptor = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                return file.read(size_bytes)
        except OSError as error:
            raise BundleError(
                f"the member cannot be read: {error.strerror}",
                code="bundle.archive",
                where=f"{self._path.name} › {name}",
            ) from None


def _checked_names(store: _Store, where: str) -> set[str]:
    seen: set[str] = set()
    for name in store.names():
        if not is_safe_member(name):
            raise BundleError(
                "the member has a name that is not a plain relative path",
                code="bundle.member.name",
                where=f"{where} › {name[:255]!r}",
            )
        if name in seen:
            raise BundleError("the member occurs twice", code="bundle.member.duplicate", where=f"{where} › {name}")
        if len(seen) >= MAX_MEMBERS:
            raise BundleError(f"the bundle has more than {MAX_MEMBERS} members", code="bundle.limit", where=where)
        seen.add(name)
    return seen


def _require_same_members(manifest: Manifest, names: set[str], where: str) -> None:
    declared = set(manifest.files)
    for name in sorted(declared):
        if name == MANIFEST_MEMBER or not is_safe_member(name):
            raise BundleError(
                "the manifest declares a member under a name that is not allowed",
                code="bundle.member.name",
                where=f"{where} › {name!r}",
            )
    for name in sorted(names - declared - {MANIFEST_MEMBER}):
        raise BundleError(
            "the member is not declared in the manifest", code="bundle.member.extra", where=f"{where} › {name}"
        )
    for name in sorted(declared - names):
        raise BundleError("the member is declared but absent", code="bundle.member.missing", where=f"{where} › {name}")


def _read_member(store: _Store, name: str, limit_bytes: int, where: str) -> bytes:
    """Read a member of at most `limit_bytes`; its size is looked at first, and held while reading."""
    size_bytes = store.size(name)
    if size_bytes > limit_bytes:
        raise BundleError(
            f"the member has {size_bytes} bytes, at most {limit_bytes} are allowed",
            code="bundle.limit",
            where=f"{where} › {name}",
        )
    return store.read(name, size_bytes)


def _read_declared(store: _Store, manifest: Manifest, name: str, where: str) -> bytes:
    entry = manifest.files[name]
    size_bytes = store.size(name)
    if size_bytes != entry.size_bytes:
        raise BundleError(
            f"the member has {size_bytes} bytes, the manifest says {entry.size_bytes}",
            code="bundle.size",
            where=f"{where} › {name}",
        )
    data = store.read(name, size_bytes)
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise BundleError(
            f"the member has the digest {digest[:12]}…, the manifest says {entry.sha256[:12]}…",
            code="bundle.digest",
            where=f"{where} › {name}",
            hint="the file was changed or damaged after packing; copy or pack it again",
        )
    return data
