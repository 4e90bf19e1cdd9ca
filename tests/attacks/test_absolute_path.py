"""
Attack: a member called `/etc/passwd` is read from, or written to, the root of the machine.

Defence: as for parent paths; a name begins with a letter, a digit or `_`.
"""

from pathlib import Path

import pytest

from tests.attacks.support import Contents, Forged, Lay, Refused, changed, forge_contents, redeclared
from tests.support.bundles import declared_files

ABSOLUTE = ["/etc/passwd", "//etc/passwd", "/", "/golden/inputs/0.png", "~/evil"]


@pytest.mark.parametrize("name", ABSOLUTE)
def test_an_absolute_member_is_refused(name: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Such a name in the directory is refused, also where the manifest declares it."""
    path = forge_contents(
        tmp_path / "a.andon", redeclared(contents, {name: b"evil"}), Forged(name=name.encode(), data=b"evil")
    )
    refused(path, "bundle.member.name", repr(name))


@pytest.mark.parametrize("name", ABSOLUTE)
def test_an_absolute_declared_name_is_refused(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The manifest cannot declare one."""
    path = lay(changed(contents, lambda manifest: manifest["files"].update(declared_files({name: b"evil"}))))
    refused(path, "bundle.member.name", repr(name), "$.files")


def test_an_absolute_artifact_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """The path of an artifact cannot leave the bundle."""
    path = lay(changed(contents, lambda manifest: manifest["artifacts"][0].update(path="/etc/passwd")))
    refused(path, "bundle.field", "'/etc/passwd'", "not listed in files")
