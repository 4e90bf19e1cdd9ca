"""Files that commands write what came of them to."""

from pathlib import Path

from andon.errors import EnvironmentFault


def require_folder(path: Path) -> None:
    """
    See before a long measurement that its result can be written after it.

    Raises:
        EnvironmentFault: `environment.write`: the folder of the file is not there.
    """
    if not path.parent.is_dir():
        raise EnvironmentFault("there is no such folder", code="environment.write", where=str(path.parent))


def write_file(path: Path, data: bytes, *, what: str = "") -> None:
    """
    Write a file; one that is there is replaced.

    Args:
        path: Where to.
        data: Its bytes.
        what: What the error calls it, with a space behind.

    Raises:
        EnvironmentFault: `environment.write`, with the reason.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise EnvironmentFault(
            f"{what}cannot be written: {error.strerror}", code="environment.write", where=str(path)
        ) from None
