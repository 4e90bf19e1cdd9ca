"""Tests of what is checked of the declarations."""

from pathlib import Path
from typing import Any

import pytest

from andon.build.declared import (
    checked_path,
    checked_provenance,
    declare,
    declare_input,
    is_of_tiles_only,
    name_of,
    of_tiles,
    require_sound_prepare,
    undeclared_input,
)
from andon.bundle.input_spec import InputSpec
from andon.errors import AndonError, PackError

SOUND: dict[str, Any] = {
    "name": "parts",
    "task": "classification",
    "labels": ["ok", "bad"],
    "output": None,
    "activation": "softmax",
    "decision": {"ok_labels": ["ok"]},
    "provenance": {"created_by": "a test"},
}


def test_sound_declarations_become_those_of_the_manifest() -> None:
    """The kind of the output follows from the activation."""
    declared = declare(**SOUND)
    assert (declared.output.labels, declared.output.kind) == (("ok", "bad"), "logits")
    assert declared.decision is not None
    assert declare(**{**SOUND, "activation": "none"}).output.kind == "probabilities"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "two words", "$.name"),
        ("labels", "ok", "list of names"),
        ("labels", 5, "list of names"),
        ("labels", [], "labels"),
        ("activation", "relu", "relu"),
        ("decision", {"ok_labels": ["fine"]}, "'fine'"),
        ("provenance", {"created_by": object()}, "not plain data"),
    ],
)
def test_a_field_that_is_wrong_is_named(field: str, value: object, words: str) -> None:
    """As an error of the argument, not of the manifest."""
    with pytest.raises(PackError) as caught:
        declare(**{**SOUND, field: value})
    assert caught.value.code == "pack.argument"
    assert words in str(caught.value)


def test_an_input_is_checked_as_in_the_manifest() -> None:
    """The hint says what there is."""
    assert declare_input({"color": "L"}).channels == 1
    with pytest.raises(PackError) as caught:
        declare_input({"resize": {"mode": "exact", "size": 64}})
    assert (caught.value.code, caught.value.where) == ("pack.input", "the argument input")
    assert "[height, width]" in caught.value.hint


def test_what_is_not_declared_has_an_example() -> None:
    """To copy and change."""
    assert "'mode': 'shorter_side'" in undeclared_input().hint


def test_the_place_is_looked_at_before_the_work(tmp_path: Path) -> None:
    """A folder, or a file in one that is not there, cannot be written."""
    assert checked_path(str(tmp_path / "x.andon")) == tmp_path / "x.andon"
    for place in (tmp_path, tmp_path / "gone" / "x.andon", 5):
        with pytest.raises(AndonError) as caught:
            checked_path(place)
        assert caught.value.code in {"environment.write", "pack.argument"}


def test_the_name_is_that_of_the_file() -> None:
    """Where it can be one."""
    assert name_of(Path("a/parts.andon")) == "parts"
    with pytest.raises(PackError, match="cannot be the bundle's name"):
        name_of(Path("零件.andon"))


def test_no_provenance_is_an_empty_one() -> None:
    """Anything but a mapping is refused."""
    assert checked_provenance(None) == {}
    assert checked_provenance({"source": "x"}) == {"source": "x"}
    with pytest.raises(PackError, match="a list"):
        checked_provenance([])


@pytest.mark.parametrize(
    ("spec", "takes_floats", "words"),
    [
        (InputSpec(prepare="a:b", mean=(0.5,)), True, "leave out scale, mean and std"),
        (InputSpec(prepare="a:b", color="L", depth=16), False, "let it return floats"),
    ],
)
def test_what_own_code_gives_must_fit_the_declaration(spec: InputSpec, *, takes_floats: bool, words: str) -> None:
    """Floats are not normalised, and pixels have no more than 8 bits; the other of the two is taken."""
    with pytest.raises(PackError) as caught:
        require_sound_prepare(spec, takes_floats=takes_floats)
    assert caught.value.code == "pack.input"
    assert words in caught.value.hint
    require_sound_prepare(spec, takes_floats=not takes_floats)


TILES = {"size": [64, 64], "overlap": 16}
ROI = {"x": 1, "y": 2, "width": 30, "height": 40}


def test_tiles_alone_leave_the_rest_to_be_found() -> None:
    """With a region or without; whoever says anything else of a tile has declared all of it."""
    assert is_of_tiles_only({"tiles": TILES})
    assert is_of_tiles_only({"tiles": TILES, "roi": ROI})
    assert not is_of_tiles_only({"tiles": TILES, "color": "L"})
    assert not is_of_tiles_only({"roi": ROI})
    assert not is_of_tiles_only(declare_input({"tiles": TILES}))


def test_what_was_found_of_a_tile_gets_the_tiles() -> None:
    """And is refused where it would hide the border of each of them."""
    tiled = declare_input({"tiles": TILES, "roi": ROI})
    whole = of_tiles(declare_input({"color": "L", "mean": [0.5]}), tiled)
    assert (whole.color, whole.mean, whole.tiles, whole.roi) == ("L", (0.5,), tiled.tiles, tiled.roi)
    with pytest.raises(PackError, match="hides the border of each tile"):
        of_tiles(declare_input({"crop": {"size": [32, 32]}}), tiled)
