"""
Attack: a member is encrypted, so that a check before loading sees nothing of it.

Defence: each flag of encryption is refused by the directory alone.
"""

from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge_contents

FLAGS = {"traditional": 0x0001, "strong": 0x0041, "masked headers": 0x2000}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("name", [GRAPH, "bundle.json"])
def test_an_encrypted_member_is_refused(
    name: str, flags: int, contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """The message names the member and says that it is encrypted."""
    spoilt = Forged(name=name.encode(), data=contents[name], both={"flags": flags})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.member.compressed", name, "encrypted")
