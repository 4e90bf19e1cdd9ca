"""The images that a command line names: files, folders and patterns. It opens none of them."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from andon.errors import UsageError
from andon.vision.formats import SUFFIXES


def find_images(names: Sequence[str]) -> list[Path]:
    """
    Expand names to image files, each of them once, in the order given.

    Args:
        names: A folder stands for the files in it and in its sub-folders that end as images do, in
            any case, sorted, without what is hidden; a file that is named may be called anything.
            A pattern (`*`, `?`, `[...]`, `**`) stands for what matches it, as in a shell, quoted or
            not. Any other name is taken as it is, whether it exists or not.

    Returns:
        Paths in the way they were named. A file that is named twice comes once, where it came first.

    Raises:
        UsageError: `usage.path`: a folder holds no image or cannot be read, or a pattern matches nothing.
    """
    found: dict[str, Path] = {}
    for name in names:
        for path in _expand(name):
            found.setdefault(os.path.abspath(path), path)  # noqa: PTH100 -- Path.absolute keeps `..`
    return list(found.values())


def _expand(name: str) -> list[Path]:
    if os.path.isdir(name):  # noqa: PTH112 -- Path.is_dir raises on names that are too long
        return _images_in(Path(name))
    if os.path.lexists(name) or not glob.has_magic(name):
        return [Path(name)]
    matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 -- Path.glob takes no absolute patterns
    if not matches:
        raise UsageError("the pattern matches no file", code="usage.path", where=name)
    return [path for match in matches for path in _expand_match(Path(match))]


def _expand_match(path: Path) -> list[Path]:
    """Take a folder that a pattern matched as it is, with no image in it too: it was not asked for by name."""
    return sorted(_walk(path)) if path.is_dir() else [path]


def _images_in(folder: Path) -> list[Path]:
    images = sorted(_walk(folder))
    if not images:
        raise UsageError(
            f"the folder holds no image ({', '.join(f'*{suffix}' for suffix in SUFFIXES)})",
            code="usage.path",
            where=str(folder),
        )
    return images


def _walk(folder: Path) -> Iterator[Path]:
    """Follow links to folders, and enter none twice: a link may lead back up."""
    entered = set()
    for here, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here, name) for name in files if name.lower().endswith(SUFFIXES) and not name.startswith("."))


def _refuse(error: OSError) -> NoReturn:
    raise UsageError(f"the folder cannot be read: {error.strerror}", code="usage.path", where=str(error.filename))


def name_of(path: Path) -> str:
    """Give a path as text that can be written anywhere: bytes of a name that are not UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
