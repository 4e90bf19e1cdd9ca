"""The folder of a configuration: what is ours is replaced, what is not is never touched. It knows no directive."""

import hashlib
import os
import re
from pathlib import Path

from andon import __version__
from andon.errors import EnvironmentFault, UsageError

CONFIGURATION = "nginx.conf"
LOGS = "logs"
TEMPORARY = "temp"
_UNFINISHED = ".nginx.conf.new"
_OURS = {CONFIGURATION, LOGS, TEMPORARY, _UNFINISHED}
_SEAL = re.compile(r"# Written by andon \S+; SHA-256 of the lines below: ([0-9a-f]{64})\n")


def write_folder(folder: Path, text: str) -> None:
    """
    Write a configuration with the folders that it needs.

    Args:
        folder: Made where it is absent. One that was written before and not changed since is
            written again; the configuration is replaced in one step, so it is never half there.
        text: The configuration.

    Raises:
        UsageError: `deploy.folder`: the folder holds something else, or a configuration that
            somebody has changed; nothing is written.
        EnvironmentFault: `environment.write`.
    """
    try:
        _require_ours(folder)
        # Readable by all: nginx that root has started works as another user.
        for inner in (folder, folder / TEMPORARY):
            if not inner.is_dir():
                inner.mkdir(parents=True)
                inner.chmod(0o755)
        (folder / LOGS).mkdir(exist_ok=True)
        unfinished = folder / _UNFINISHED
        unfinished.write_text(_sealed(text), encoding="utf-8")
        unfinished.replace(folder / CONFIGURATION)
    except OSError as error:
        raise EnvironmentFault(
            f"cannot be written: {error.strerror}", code="environment.write", where=str(folder)
        ) from None


def read_configuration(folder: Path) -> str:
    """
    Read the configuration of a folder, changed or not.

    Raises:
        UsageError: `usage.path`: there is none.
    """
    try:
        return (folder / CONFIGURATION).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(
            f"there is no {CONFIGURATION} that can be read: {reason}",
            code="usage.path",
            where=str(folder),
            hint=f"write one: andon deploy nginx --upstream 127.0.0.1:5555 -o {folder}",
        ) from None


def is_closed_to_others(folder: Path) -> bool:
    """Ask whether other users of the machine are kept out of a folder, or of one around it."""
    return any(not part.stat().st_mode & 0o001 for part in (folder.resolve(), *folder.resolve().parents))


def _require_ours(folder: Path) -> None:
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise UsageError("is a file, and a folder is to be written", code="deploy.folder", where=str(folder))
    foreign = sorted(item.name for item in folder.iterdir() if item.name not in _OURS)
    if foreign:
        raise UsageError(
            f"holds {foreign[0]!r}, which was not written by `andon deploy nginx`",
            code="deploy.folder",
            where=str(folder),
            hint="name a folder that is empty or not there yet",
        )
    if os.path.lexists(folder / CONFIGURATION) and not _is_sealed(read_configuration(folder)):
        raise UsageError(
            f"its {CONFIGURATION} was changed by hand, or was not written by `andon deploy nginx`",
            code="deploy.folder",
            where=str(folder),
            hint="write to another folder and compare; what was changed would be lost here",
        )


def _sealed(text: str) -> str:
    return f"# Written by andon {__version__}; SHA-256 of the lines below: {_digest(text)}\n{text}"


def _is_sealed(text: str) -> bool:
    seal = _SEAL.match(text)
    return seal is not None and seal[1] == _digest(text[seal.end() :])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
