"""Tests of finding the packages that hold code."""

import json
import sys
import types
from pathlib import Path

import pytest

from andon.build.own_packages import packages_of


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package as `pip install --editable` leaves it: its folder elsewhere, and metadata that list no module."""
    metadata, source = tmp_path / "site" / "parts_tools-1.4.dist-info", tmp_path / "my parts" / "src"
    metadata.mkdir(parents=True)
    source.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parts-tools\nVersion: 1.4\n")
    (metadata / "RECORD").write_text("_parts_tools.pth,,\n")
    (source / "parts_steps_for_this_test.py").write_text("def prepare(image):\n    return image\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.syspath_prepend(source)
    return metadata


def link(metadata: Path, *, editable: bool) -> None:
    """Say where the package comes from."""
    url = (metadata.parents[1] / "my parts").as_uri()
    (metadata / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": editable}}))


def test_a_module_that_is_installed_names_its_package() -> None:
    """Which may be called otherwise; a part of a module is of the same package."""
    assert packages_of(("PIL.Image:open", "numpy:asarray")) == {
        "PIL.Image:open": ("pillow",),
        "numpy:asarray": ("numpy",),
    }
    assert packages_of(()) == {}


def test_a_package_that_is_a_link_to_its_folder_is_found(linked: Path) -> None:
    """As most packages of one's own are, while one works at them; blanks in the folder's name do not matter."""
    link(linked, editable=True)
    assert packages_of(("parts_steps_for_this_test:prepare",)) == {
        "parts_steps_for_this_test:prepare": ("parts-tools",)
    }


def test_a_file_in_some_folder_belongs_to_no_package(linked: Path) -> None:
    """Not to one that was once built from that folder, and is no link to it."""
    link(linked, editable=False)
    assert packages_of(("parts_steps_for_this_test:prepare",)) == {"parts_steps_for_this_test:prepare": ()}
    assert packages_of(("nowhere:f",)) == {"nowhere:f": ()}


def test_a_module_without_a_file_belongs_to_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was made by hand has no place at all."""
    monkeypatch.setitem(sys.modules, "made_by_hand", types.ModuleType("made_by_hand"))
    assert packages_of(("made_by_hand:f",)) == {"made_by_hand:f": ()}


def test_of_packages_with_the_same_first_name_the_right_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plant may have dozens of them; those that hold no code of the bundle's are not recorded."""
    for package, module in (("plant-images", "images/steel.py"), ("plant-rules", "rules.py"), ("plant-web", "web.py")):
        folder = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "RECORD").write_text(f"plant_of_ours/{module},,\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = packages_of(("plant_of_ours.images.steel:stretched", "plant_of_ours.rules:worst"))
    assert tuple(found.values()) == (("plant-images",), ("plant-rules",))
