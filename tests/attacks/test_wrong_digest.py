"""
Attack: a member is exchanged for another of the same size.

Defence: the SHA-256 of the bytes that are handed on is compared with the manifest, and the digest
of the manifest is the identity of the bundle.
"""

from pathlib import Path

import pytest

from tests.attacks.support import EXPECTED, GRAPH, MANIFEST, Contents, Forged, Lay, Refused, changed, forge_contents


def flipped(data: bytes, position: int) -> bytes:
    """Give the bytes with one bit turned over."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.parametrize("name", [GRAPH, EXPECTED, "golden/inputs/2.jpg"])
@pytest.mark.parametrize("position", [0, 100, -2])
def test_one_bit_of_a_member_is_noticed(
    name: str, position: int, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """Each member is covered from the first byte to the last; the archive's own checksums fit the change."""
    path = lay({**contents, name: flipped(contents[name], position % len(contents[name]))})
    refused(path, "bundle.digest", name, "digest")


def test_a_digest_of_another_member_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """A member cannot hide behind the digest of another."""

    def exchange(manifest: dict) -> None:
        manifest["files"][GRAPH]["sha256"] = manifest["files"][EXPECTED]["sha256"]

    refused(lay(changed(contents, exchange)), "bundle.digest", GRAPH)


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n", "md5:" + "0" * 60])
def test_what_is_no_digest_is_refused(digest: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """64 lower-case hexadecimal digits, and nothing else."""
    path = lay(changed(contents, lambda manifest: manifest["files"][GRAPH].update(sha256=digest)))
    refused(path, "bundle.field", f'$.files["{GRAPH}"].sha256')


def test_a_damaged_manifest_is_noticed_by_its_checksum(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """No digest covers the manifest of a file on its own, so the checksum of the archive must."""
    other = contents[MANIFEST].replace(b'"red"', b'"rad"')
    spoilt = Forged(name=MANIFEST.encode(), data=other, both={"checksum": 0x12345678})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", MANIFEST, "CRC-32")
