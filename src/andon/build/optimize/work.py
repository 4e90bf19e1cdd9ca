"""
What is kept of unfinished work: bytes by name, in a folder for one bundle, its images and options.

Each file appears whole or not at all, so work can be stopped at any time and is taken up where it was.
"""

import hashlib
import secrets
from pathlib import Path

from andon.errors import EnvironmentFault


class Work:
    """
    The folder of one optimisation.

    Args:
        root: The folder of all; it is made where it is absent.
        key: What the results depend on; other keys have other folders.
    """

    def __init__(self, root: Path, *key: str) -> None:
        self.folder = root / hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def get(self, name: str) -> bytes | None:
        """Give what was kept under a name; None for nothing."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def put(self, name: str, data: bytes) -> None:
        """
        Keep bytes under a name.

        Raises:
            EnvironmentFault: `environment.write`.
        """
        temporary = self.folder / f".{secrets.token_hex(8)}.tmp"
        try:
            temporary.write_bytes(data)
            temporary.replace(self.folder / name)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        finally:
            temporary.unlink(missing_ok=True)

    def clear(self) -> None:
        """Take away all that was kept, and the folders that are empty then."""
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()
        if not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()


def _unwritable(folder: Path, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(
        f"unfinished work cannot be kept: {error.strerror}",
        code="environment.write",
        where=str(folder),
        hint="name another folder with --work DIR",
    )
