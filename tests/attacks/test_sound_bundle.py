"""No attack: the bundle that the others spoil is sound, in both forms, whatever tool wrote it."""

import ast
from pathlib import Path

import pytest

import andon
from andon.bundle.archive import read_bundle
from andon.errors import ProofError
from tests.attacks.conftest import WatchfulRuntime
from tests.attacks.support import GRAPH, MANIFEST, Contents, Forged, Lay, forge


def test_the_bundle_that_is_spoilt_elsewhere_is_sound(contents: Contents, lay: Lay) -> None:
    """Every other test here fails for its attack, not for the bundle around it."""
    path = lay(contents)
    assert andon.load(path).digest == read_bundle(path).digest


def test_what_is_loaded_is_noticed(contents: Contents, lay: Lay, runtime: WatchfulRuntime) -> None:
    """The runtime that stands in for the real one would see an artifact that gets through."""
    with pytest.raises(ProofError):
        andon.load(lay(contents))
    assert runtime.opened == [GRAPH]


def test_a_forged_archive_without_a_lie_is_sound(contents: Contents, tmp_path: Path) -> None:
    """The hands that forge archives add no fault of their own."""
    path = forge(tmp_path / "honest.andon", [Forged(name=n.encode(), data=d) for n, d in contents.items()])
    bundle = read_bundle(path)
    assert {**bundle.members, MANIFEST: contents[MANIFEST]} == contents


ATTACKS = [path for path in sorted(Path(__file__).parent.glob("test_*.py")) if path != Path(__file__)]


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.stem)
def test_every_attack_says_its_defence(path: Path) -> None:
    """One file an attack: its docstring says what it tries, and what stands against it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert text.startswith("Attack: ")
    assert "\n\nDefence: " in text
