"""Tests of the solar cells and their modules; they are of the package elpv-dataset."""

from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from andon.demo.cells import MODULE_SIZES, TEST_GROUP, TRAINING_GROUPS, Cell, read_cells, rows_of
from andon.errors import EnvironmentFault

pytestmark = pytest.mark.skipif(find_spec("elpv_dataset") is None, reason="not installed: elpv_dataset")


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    """All cells."""
    return read_cells()


def test_there_are_the_published_numbers(cells: list[Cell]) -> None:
    """2,624 cells of 44 modules, 18 mono and 26 poly, with so many of each grade."""
    assert len(cells) == 2624
    kinds = {cell.module: cell.kind for cell in cells}
    assert (len(kinds), [*kinds.values()].count("mono"), [*kinds.values()].count("poly")) == (44, 18, 26)
    grades = [round(cell.grade * 3) for cell in cells]
    assert [grades.count(grade) for grade in range(4)] == [1508, 295, 106, 715]


def test_a_module_has_one_kind_and_follows_the_files(cells: list[Cell]) -> None:
    """A module that were cut wrongly where the kind changes would have cells of both."""
    assert len({(cell.module, cell.kind) for cell in cells}) == 44
    assert [cell.path.name for cell in cells] == [f"cell{number:04}.png" for number in range(1, 2625)]
    assert all(later.module - cell.module in (0, 1) for cell, later in pairwise(cells))


def test_defective_is_what_the_expert_called_it(cells: list[Cell]) -> None:
    """Sure or not: 821 cells."""
    assert sum(cell.is_defective for cell in cells) == 821
    assert {round(cell.grade, 2): cell.is_defective for cell in cells} == {0: False, 0.33: False, 0.67: True, 1: True}


def test_no_module_is_in_two_groups(cells: list[Cell]) -> None:
    """So no run of neighbours is in both halves either: each change of the group is one of the module."""
    groups = (TEST_GROUP, *TRAINING_GROUPS)
    modules = [{cells[row].module for row in rows_of(cells, group)} for group in groups]
    assert sum(len(some) for some in modules) == len(set.union(*modules)) == 44
    assert sorted(row for group in groups for row in rows_of(cells, group)) == list(range(2624))
    for cell, later in pairwise(cells):
        assert (cell.group == later.group) == (cell.module == later.module)


def test_each_group_has_something_of_all(cells: list[Cell]) -> None:
    """Mono and poly, good and defective: a quarter of the cells, and at least 100 defective ones."""
    for group in (TEST_GROUP, *TRAINING_GROUPS):
        some = [cells[row] for row in rows_of(cells, group)]
        assert 640 <= len(some) <= 670
        assert {cell.kind for cell in some} == {"mono", "poly"}
        assert sum(cell.is_defective for cell in some) > 100


@pytest.fixture(scope="module")
def profiles(cells: list[Cell]) -> np.ndarray:
    """How bright each row of pixels is, (N, 300), with mean 0 and deviation 1: busbars and edges."""
    means = np.array([np.asarray(Image.open(cell.path), dtype=float).mean(axis=1) for cell in cells])
    return (means - means.mean(axis=1, keepdims=True)) / means.std(axis=1, keepdims=True)


def change(profiles: np.ndarray, row: int) -> float:
    """Tell how much the usual profile of the dozen cells before a row differs from that of the dozen behind it."""
    before, behind = np.median(profiles[row - 12 : row], axis=0), np.median(profiles[row : row + 12], axis=0)
    return float(np.abs(before - behind).mean())


@pytest.mark.slow
@pytest.mark.parametrize("size", [54, 50, 72, 48])
def test_the_look_changes_where_a_module_of_another_size_ends(profiles: np.ndarray, size: int) -> None:
    """There and not around it; these ends shift all that follow, so a wrong one would be seen."""
    end = sum(MODULE_SIZES[: MODULE_SIZES.index(size) + 1])
    assert change(profiles, end) > 1.5 * max(change(profiles, end + by) for by in (-24, -10, 10, 24))


@pytest.mark.slow
def test_the_look_changes_between_modules_more_than_within(profiles: np.ndarray) -> None:
    """More than twice as much at the usual end as in the usual middle; two modules of one product look alike."""
    ends = np.cumsum(MODULE_SIZES)[:-1]
    at_ends, within = (np.array([change(profiles, row) for row in rows]) for rows in (ends, ends - 30))
    assert np.median(at_ends) > 2 * np.median(within)
    assert (at_ends > within).mean() > 0.9


def test_without_the_package_the_pip_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one of the extra."""
    monkeypatch.setattr("andon.demo.packages.find_spec", lambda _name: None)
    with pytest.raises(EnvironmentFault, match="needs elpv_dataset") as caught:
        read_cells()
    assert caught.value.hint == 'pip install "andon[demo]"'
