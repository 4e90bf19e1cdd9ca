"""
Attack: a member that the manifest declares is absent, so that a fallback or an older file might be used.

Defence: the members and the manifest's `files` are compared before any member is read.
"""

import pytest

from tests.attacks.support import EXPECTED, GRAPH, Contents, Lay, Refused, changed


@pytest.mark.parametrize("name", [GRAPH, EXPECTED, "golden/inputs/0.png"])
def test_a_missing_member_is_refused(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The message names the member."""
    del contents[name]
    refused(lay(contents), "bundle.member.missing", name, "absent")


def test_a_missing_manifest_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """Without bundle.json nothing is a bundle, and the message says how to make one."""
    del contents["bundle.json"]
    refused(lay(contents), "bundle.member.missing", "bundle.json", "andon pack")


@pytest.mark.parametrize("name", [GRAPH, EXPECTED, "golden/inputs/0.png"])
def test_a_member_that_is_used_must_be_listed(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """A member cannot be used without a declared digest."""
    path = lay(changed(contents, lambda manifest: manifest["files"].pop(name)))
    refused(path, "bundle.field", repr(name), "not listed in files")
