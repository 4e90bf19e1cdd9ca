"""The files beside the page that a browser fetches: those of one folder, by name, and nothing else."""

import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from msgspec import Struct

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
"""The content type of each kind of file; one of another kind is not served.

They are written down because the tables of an operating system differ, and `nosniff` forgives nothing.
"""


class StaticFile(Struct, frozen=True):
    """One file, held in memory."""

    body: bytes
    content_type: str
    etag: str
    """Changes with the bytes; in double quotes, as HTTP writes it."""


def static_file(name: str) -> StaticFile | None:
    """
    Give a file of the page by its name.

    Args:
        name: A bare file name, as it stands in the address. It is looked up among the names of
            the folder and never becomes a path, so that none can lead out of the folder.

    Returns:
        The file; None where there is none of this name.
    """
    return _all_files().get(name)


@functools.cache
def _all_files() -> Mapping[str, StaticFile]:
    """Read the folder once; it is part of the installed package and does not change under a running service."""
    found = {}
    for entry in files("andon.web.pages").joinpath("static").iterdir():
        content_type = CONTENT_TYPES.get(entry.name[entry.name.rfind(".") :])
        if content_type is not None and entry.is_file():
            body = entry.read_bytes()
            found[entry.name] = StaticFile(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return MappingProxyType(found)
