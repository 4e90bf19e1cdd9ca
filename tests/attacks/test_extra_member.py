"""
Attack: a member that nothing declares travels along, under a signature or digest that does not cover it.

Defence: a member that the manifest does not declare is refused.
"""

from pathlib import Path

import pytest

from tests.attacks.support import Contents, Lay, Refused, changed, lay_folder
from tests.support.bundles import declared_files


@pytest.mark.parametrize("name", ["evil.py", "artifacts/onnx/model.onnx.data", "golden/inputs/9.png", "Bundle.json"])
def test_an_undeclared_member_is_refused(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The message names the member."""
    refused(lay({**contents, name: b"evil"}), "bundle.member.extra", name, "not declared")


def test_an_empty_undeclared_member_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """A name alone is a message too."""
    refused(lay({**contents, "evil": b""}), "bundle.member.extra", "evil")


def test_a_manifest_that_declares_itself_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """No manifest can hold its own digest."""
    path = lay(changed(contents, lambda manifest: manifest["files"].update(declared_files({"bundle.json": b"x"}))))
    refused(path, "bundle.member.name", "bundle.json", "list itself")


def test_hidden_files_of_a_desktop_are_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """What file managers leave behind is named, so that it can be taken out."""
    path = lay_folder(tmp_path / "folder", {**contents, ".DS_Store": b"x"})
    refused(path, "bundle.member.name", ".DS_Store")
