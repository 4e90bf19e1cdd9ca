"""
A bundle as a folder: regular files below one folder, reached without following a link.

Every name is opened from the descriptor of the folder above it, so that nobody who exchanges a
folder or a file for a link meanwhile can make it read elsewhere. It knows nothing of manifests
and digests.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from andon.bundle.manifest import MAX_MEMBERS, is_safe_member, unsafe_member
from andon.errors import BundleError

_BENEATH = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO that has taken the place of a file would otherwise wait for a writer.
_FILE = _BENEATH | os.O_NONBLOCK
_FOLDER = _BENEATH | os.O_DIRECTORY
_IS_NO_FILE = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO})
"""What opening says of a link, of something beneath a link, and of a socket."""


class Folder:
    """
    A folder, open for reading; the same contract as `StoredZip`.

    Args:
        path: A folder, or a link to one.
        where: What to call it in errors.

    Raises:
        OSError: The folder cannot be opened.
    """

    def __init__(self, path: Path, where: str) -> None:
        self._where = where
        self._root = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *args: object) -> None:
        os.close(self._root)

    def holds(self, name: str) -> bool:
        """Ask whether there is anything of this name."""
        try:
            os.stat(name, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> set[str]:
        """
        Judge everything in the folder, and give the names of its files.

        Raises:
            BundleError: `bundle.member.name`, `bundle.member.link` or `bundle.limit`; the limit
                counts folders too.
        """
        names: set[str] = set()
        for count, (name, mode) in enumerate(self._walk()):
            if count >= MAX_MEMBERS:
                raise BundleError(
                    f"the folder has more than {MAX_MEMBERS} entries", code="bundle.limit", where=self._where
                )
            if not stat.S_ISDIR(mode):
                names.add(name)
        return names

    def size(self, name: str) -> int:
        """Give the size of a file in bytes."""
        with self._open(name) as descriptor:
            return os.fstat(descriptor).st_size

    def read(self, name: str, size_bytes: int) -> bytes:
        """Read a file up to `size_bytes`; less where it has been cut meanwhile."""
        with self._open(name) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(size_bytes)

    def has_checksum(self, name: str, data: bytes) -> bool:
        """Return true: a folder keeps no checksums."""
        return True

    def _walk(self) -> Iterator[tuple[str, int]]:
        """Give every entry below the folder with its mode, each judged before what is in it."""
        waiting = [""]
        while waiting:
            above = waiting.pop()
            with self._open_folder(above) as descriptor, os.scandir(descriptor) as entries:
                for entry in entries:
                    name = above + entry.name
                    mode = entry.stat(follow_symlinks=False).st_mode
                    self._require_plain(name, mode)
                    if stat.S_ISDIR(mode):
                        waiting.append(f"{name}/")
                    yield name, mode

    def _require_plain(self, name: str, mode: int) -> None:
        if not is_safe_member(name):
            raise unsafe_member(name, self._where)
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise self._link(name)

    @contextmanager
    def _open_folder(self, path: str) -> Iterator[int]:
        """Open a folder beneath the root, from part to part; `path` is empty or ends in `/`."""
        descriptor = os.dup(self._root)
        try:
            for part in path.split("/")[:-1]:
                above = descriptor
                descriptor = os.open(part, _FOLDER, dir_fd=above)
                os.close(above)
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _open(self, name: str) -> Iterator[int]:
        """Open a regular file beneath the root."""
        above, slash, last = name.rpartition("/")
        try:
            with self._open_folder(above + slash) as folder:
                descriptor = os.open(last, _FILE, dir_fd=folder)
        except OSError as error:
            if error.errno in _IS_NO_FILE:
                raise self._link(name) from None
            raise
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise self._link(name)
            yield descriptor
        finally:
            os.close(descriptor)

    def _link(self, name: str) -> BundleError:
        return BundleError(
            "the member is a link, a folder or a special file",
            code="bundle.member.link",
            where=f"{self._where} › {name}",
            hint="put the file itself into the folder",
        )
