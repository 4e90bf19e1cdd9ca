"""
Attack: a bundle is cut off, by a broken download or on purpose, and the rest looks whole.

Defence: the end record must be the last bytes of the file, the directory must lie right before it,
and every size and digest is compared.
"""

from pathlib import Path

import pytest

from andon.bundle.archive import read_bundle
from andon.errors import BundleError
from tests.attacks.support import Contents, Refused, lay_archive, lay_folder


def test_a_cut_at_any_place_is_refused(contents: Contents, tmp_path: Path) -> None:
    """Every prefix of an archive is refused: each of the last 1,000 bytes, and 500 others."""
    path = lay_archive(tmp_path / "a.andon", contents)
    whole = path.read_bytes()
    lengths = {*range(len(whole) - 1_000, len(whole)), *range(0, len(whole), len(whole) // 500), *range(64)}
    codes = set()
    for length in sorted(lengths, reverse=True):
        with path.open("r+b") as file:
            file.truncate(length)
        with pytest.raises(BundleError) as caught:
            read_bundle(path)
        codes.add(caught.value.code)
    assert codes == {"bundle.archive", "bundle.format"}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_cut_archive_is_refused_before_loading(
    share: float, contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """The message says that the file may be cut off."""
    path = lay_archive(tmp_path / "a.andon", contents)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path, "bundle.archive", "a.andon", "cut off")


@pytest.mark.parametrize("name", ["artifacts/onnx/model.onnx", "golden/expected.safetensors", "golden/inputs/2.jpg"])
@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_cut_member_of_a_folder_is_refused(
    name: str, length: int, contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """A file in a folder has the declared size or is refused."""
    path = lay_folder(tmp_path / "folder", {**contents, name: contents[name][:length]})
    refused(path, "bundle.size", name)


def test_a_cut_manifest_of_a_folder_is_refused(contents: Contents, tmp_path: Path) -> None:
    """A manifest is whole JSON or is refused, wherever it is cut."""
    path = lay_folder(tmp_path / "folder", contents)
    manifest = contents["bundle.json"]
    for length in range(0, len(manifest) - 1, 7):
        (path / "bundle.json").write_bytes(manifest[:length])
        with pytest.raises(BundleError, match="not valid JSON") as caught:
            read_bundle(path)
        assert caught.value.code == "bundle.json"
