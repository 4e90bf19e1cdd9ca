"""
Attack: a member called `../x` lies outside the bundle, and would be written outside wherever the bundle is unpacked.

Defence: a member name is letters, digits, `_`, `-` and inner dots, in parts divided by `/`; the
directory of the archive, the folder and the manifest's `files` are held to it before a member is
read, and the other places of the manifest can only name what is in `files`.
"""

from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Lay, Refused, changed, forge_contents, redeclared
from tests.support.bundles import declared_files

PARENTS = ["../evil", "..", "../../../../etc/cron.d/evil", "golden/../../evil", "golden/..", "golden/./evil", "./evil"]
EMPTY_PARTS = ["golden//evil", "golden/"]


@pytest.mark.parametrize("name", [*PARENTS, *EMPTY_PARTS])
def test_a_member_outside_is_refused(name: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Such a name in the directory is refused, also where the manifest declares it."""
    path = forge_contents(
        tmp_path / "a.andon", redeclared(contents, {name: b"evil"}), Forged(name=name.encode(), data=b"evil")
    )
    refused(path, "bundle.member.name", repr(name))


@pytest.mark.parametrize("name", [*PARENTS, *EMPTY_PARTS])
def test_a_declared_name_outside_is_refused(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The manifest cannot declare one, even where nothing of the kind is in the bundle."""
    path = lay(changed(contents, lambda manifest: manifest["files"].update(declared_files({name: b"evil"}))))
    refused(path, "bundle.member.name", repr(name), "bundle.json", "$.files")


def test_a_file_beside_the_folder_is_not_read(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A true file outside with the declared digest stays outside."""
    (tmp_path / "outside").write_bytes(b"evil")
    spoilt = changed(contents, lambda manifest: manifest["files"].update(declared_files({"../outside": b"evil"})))
    folder = tmp_path / "folder"
    for name, data in spoilt.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    refused(folder, "bundle.member.name", "../outside")


@pytest.mark.parametrize("place", ["artifact", "golden input"])
def test_a_place_outside_cannot_be_used(place: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The path of an artifact or a golden input must be a listed file, and none outside can be listed."""

    def point_outside(manifest: dict) -> None:
        if place == "artifact":
            manifest["artifacts"][0]["path"] = "../" + GRAPH
        else:
            manifest["golden"]["inputs"][0] = "../outside"

    refused(lay(changed(contents, point_outside)), "bundle.field", "'../", "not listed in files")
