"""
Read and write bundles: a zip of stored members, or a folder of the same layout.

Reading refuses everything that is not exactly what the manifest declares, before any of it is
handed on. The bytes that were hashed are the bytes that are returned: nothing is read twice.
It knows nothing of what the members mean.
"""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from andon.bundle.folder import Folder
from andon.bundle.json_text import quoted
from andon.bundle.manifest import (
    MANIFEST_MEMBER,
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_MEMBERS,
    Manifest,
    encode_manifest,
    parse_manifest,
)
from andon.bundle.stored_zip import StoredZip, write_stored_zip
from andon.errors import BundleError, EnvironmentFault


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

    Names and sizes are judged before any member is read, and the manifest before the others.

    Args:
        path: An archive (`.andon`) or a folder.

    Returns:
        The manifest, the digest and the verified bytes of all members, held in memory once.

    Raises:
        BundleError: One of the `bundle.*` codes, naming the member and the reason. Nothing of
            the bundle has been interpreted beyond its manifest.
    """
    path = Path(path)
    where = _shown(path.name or str(path))
    with _readable(where), _open_store(path, where) as store:
        if not store.holds(MANIFEST_MEMBER):
            raise BundleError(
                f"there is no {MANIFEST_MEMBER}, so this is not a bundle",
                code="bundle.member.missing",
                where=where,
                hint="a checkpoint becomes a bundle with `andon pack`",
            )
        names = store.names()
        raw = _read_manifest(store, where)
        manifest = parse_manifest(raw, where=f"{where} › {MANIFEST_MEMBER}")
        _require_same_members(manifest, names - {MANIFEST_MEMBER}, where)
        for name in manifest.files:
            _require_size(manifest, name, store.size(name), where)
        members = {name: _read_declared(store, manifest, name, where) for name in manifest.files}
    return Bundle(manifest=manifest, digest=hashlib.sha256(raw).hexdigest(), members=members, where=where)


def write_bundle(path: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, bytes]) -> str:
    """
    Write an archive; equal arguments give equal bytes, whatever the clock, the umask or the folder.

    The file appears at `path` whole or not at all, and replaces one that was there. What
    `read_bundle` would refuse is not written.

    Args:
        path: Where to write; its folder must exist.
        manifest: Must declare exactly `members` in `files`.
        members: Bytes by name, without `bundle.json`; their order does not matter.

    Returns:
        The digest of the bundle.

    Raises:
        BundleError: The manifest is not valid, does not fit the members, or they are over a limit.
        EnvironmentFault: `environment.write`: the file cannot be written.
    """
    path = Path(path)
    raw = encode_manifest(manifest)
    parse_manifest(raw, where=f"{path.name} › {MANIFEST_MEMBER}")
    _require_same_members(manifest, set(members), path.name)
    for name, data in members.items():
        _require_size(manifest, name, len(data), path.name)
        _require_digest(manifest, name, data, path.name)
    try:
        _write_archive(path, {MANIFEST_MEMBER: raw, **dict(sorted(members.items()))})
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write the bundle: {error.strerror or error}", code="environment.write", where=str(path)
        ) from error
    return hashlib.sha256(raw).hexdigest()


def _write_archive(path: Path, contents: Mapping[str, bytes]) -> None:
    if path.exists() and not path.is_file():
        # As root, the bundle would take the place of a device such as /dev/null.
        raise FileExistsError(errno.EEXIST, "there is something that is no regular file")
    # The name is new and short: two writers never share it, and it fits wherever `path` does.
    temporary = path.with_name(f".andon-{secrets.token_hex(8)}.tmp")
    with temporary.open("xb") as file:
        try:
            write_stored_zip(file, contents)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class _Store(Protocol):
    """An archive or a folder, seen as named members; its methods raise BundleError or OSError."""

    def __enter__(self) -> "_Store": ...
    def __exit__(self, *args: object) -> None: ...
    def holds(self, name: str) -> bool: ...
    def names(self) -> set[str]: ...
    def size(self, name: str) -> int: ...
    def read(self, name: str, size_bytes: int) -> bytes: ...
    def has_checksum(self, name: str, data: bytes) -> bool: ...


def _open_store(path: Path, where: str) -> _Store:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        # ValueError: the path holds a NUL character, under which no file can be.
        raise BundleError("there is no such file or folder", code="bundle.missing", where=_shown(str(path))) from None
    if stat.S_ISDIR(mode):
        return Folder(path, where)
    if stat.S_ISREG(mode):
        return StoredZip(path, where)
    raise BundleError("a bundle is a regular file or a folder", code="bundle.format", where=where)


def _shown(name: str) -> str:
    """Give a file name for a message, quoted where a terminal would obey it."""
    return name if name.isprintable() else quoted(name)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BundleError(
            f"cannot be read: {error.strerror or error}",
            code="bundle.read",
            where=where,
            hint="look at its permissions, and at the disk",
        ) from None


def _read_manifest(store: _Store, where: str) -> bytes:
    """Read the manifest, whose size is looked at first; no digest covers it, so its checksum must do."""
    where = f"{where} › {MANIFEST_MEMBER}"
    size_bytes = store.size(MANIFEST_MEMBER)
    if size_bytes > MAX_MANIFEST_BYTES:
        raise BundleError(
            f"the manifest has {size_bytes} bytes, at most {MAX_MANIFEST_BYTES} are allowed",
            code="bundle.limit",
            where=where,
        )
    raw = store.read(MANIFEST_MEMBER, size_bytes)
    if not store.has_checksum(MANIFEST_MEMBER, raw):
        raise BundleError(
            "the manifest does not have the CRC-32 checksum that the archive says",
            code="bundle.archive",
            where=where,
            hint="the file was damaged after packing; copy or pack it again",
        )
    return raw


def _require_same_members(manifest: Manifest, names: set[str], where: str) -> None:
    """Require that what is there and what is declared are the same, within the limits."""
    declared = manifest.files.keys()
    for name in sorted(names - declared):
        raise BundleError(
            "the member is not declared in the manifest",
            code="bundle.member.extra",
            where=f"{where} › {name}",
            hint="take it out, or pack again",
        )
    for name in sorted(declared - names):
        raise BundleError("the member is declared but absent", code="bundle.member.missing", where=f"{where} › {name}")
    total_bytes = sum(entry.size_bytes for entry in manifest.files.values())
    if len(names) >= MAX_MEMBERS or total_bytes > MAX_BUNDLE_BYTES:
        raise BundleError(
            f"the bundle has {len(names) + 1} members of {total_bytes} bytes together, "
            f"at most {MAX_MEMBERS} of {MAX_BUNDLE_BYTES} are allowed",
            code="bundle.limit",
            where=where,
        )


def _read_declared(store: _Store, manifest: Manifest, name: str, where: str) -> bytes:
    with _readable(f"{where} › {name}"):
        data = store.read(name, manifest.files[name].size_bytes)
    _require_digest(manifest, name, data, where)
    return data


def _require_size(manifest: Manifest, name: str, size_bytes: int, where: str) -> None:
    expected = manifest.files[name].size_bytes
    if size_bytes != expected:
        raise BundleError(
            f"the member has {size_bytes} bytes, the manifest says {expected}",
            code="bundle.size",
            where=f"{where} › {name}",
            hint="the file was changed or cut off after packing; copy or pack it again",
        )


def _require_digest(manifest: Manifest, name: str, data: bytes, where: str) -> None:
    digest, expected = hashlib.sha256(data).hexdigest(), manifest.files[name].sha256
    if digest != expected:
        raise BundleError(
            f"the member has the digest {digest[:12]}…, the manifest says {expected[:12]}…",
            code="bundle.digest",
            where=f"{where} › {name}",
            hint="the file was changed or damaged after packing; copy or pack it again",
        )
