"""The solar cells of the package elpv-dataset: images, how they were rated, and the modules that they are from."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from andon.demo.packages import package_folder

MODULE_SIZES = (*[60] * 20, 54, *[60] * 8, 50, *[60] * 6, 72, *[60] * 3, 48, *[60] * 3)
"""
Cells of each solar module, in the order of the file numbers.

The data do not name the module of a cell. Neighbouring files show neighbouring cells of one module:
the same busbars and brightness, in poly modules even the same grains, as wafers of one ingot have
them. These sizes give each change of that look, and the published numbers: 18 mono and 26 poly modules.
"""
TEST_GROUP, TRAINING_GROUPS = 0, (1, 2, 3)
"""Every fourth module is in one group: no module is in two, and each group has something of all products."""


class Cell(NamedTuple):
    """One solar cell."""

    path: Path
    grade: float
    """How probable a defect is, as an expert rated it: 0 or 1 where sure, else 1/3 or 2/3."""
    kind: str
    """`mono` or `poly`, the silicon of its module."""
    module: int
    """1 to 44."""

    @property
    def is_defective(self) -> bool:
        """What the expert called it, sure or not."""
        return self.grade > 0.5

    @property
    def group(self) -> int:
        """0 to 3, by its module."""
        return self.module % 4


def read_cells() -> list[Cell]:
    """
    Read the list of all 2,624 cells, in the order of their files.

    Raises:
        EnvironmentFault: `environment.extra`: the package elpv-dataset is not installed.
    """
    folder = package_folder("elpv_dataset") / "data"
    rows = [line.split() for line in (folder / "labels.csv").read_text("utf-8").splitlines()]
    modules = [number for number, size in enumerate(MODULE_SIZES, start=1) for _ in range(size)]
    return [
        Cell(folder / name, float(grade), kind, module)
        for (name, grade, kind), module in zip(rows, modules, strict=True)
    ]


def rows_of(cells: Iterable[Cell], *groups: int) -> list[int]:
    """Give the positions of the cells that are in one of the groups."""
    return [row for row, cell in enumerate(cells) if cell.group in groups]
