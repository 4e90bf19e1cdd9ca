"""
How good the example `solar` is: on each quarter of the modules in turn, and with cells shuffled.

The first quarter is the test of `andon demo solar` itself. With shuffled cells, neighbours from one
module are in training and in test, which shows how much a random split flatters. What it prints is
kept in benchmarks/README.md, and the guide is held against that.
"""

import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import torch
from startup import machine

from andon.build.author import one_thread
from andon.bundle.output_spec import DecisionSpec
from andon.decide import decide
from andon.demo import solar
from andon.demo.cells import TEST_GROUP, Cell, read_cells, rows_of
from andon.demo.heads import first_blocks, look_at
from andon.evaluate.metrics import Rate, Tally, accuracy, tally
from andon.predictions import Verdict

QUARTERS = 4
DRAWS = 10_000


class Answer(NamedTuple):
    """What one cell of a test got."""

    cell: Cell
    verdict: Verdict
    better: bool
    """Whether `defective` had the better score."""


def turned(cells: Sequence[Cell], by: int) -> list[Cell]:
    """Number the modules so that another quarter of them is the test."""
    return [cell._replace(module=cell.module + by) for cell in cells]


def shuffled(cells: Sequence[Cell]) -> list[Cell]:
    """Give each cell the module of another one."""
    modules = [cell.module for cell in cells]
    random.Random(0).shuffle(modules)  # noqa: S311 -- nothing is secret here
    return [cell._replace(module=module) for cell, module in zip(cells, modules, strict=True)]


def test(cells: Sequence[Cell], numbered: Sequence[Cell], features: torch.Tensor) -> list[Answer]:
    """Train as the example does on cells with these numbers of modules, and test on the group that it keeps apart."""
    judging, decision = solar.train(numbered, features, lambda _done, _total, _what: None)
    rows = rows_of(numbered, TEST_GROUP)
    tell_thresholds(decision)
    return [
        Answer(cells[row], decide(score, solar.LABELS, decision)[0], score[1] > score[0])
        for row, score in zip(rows, judging(features[rows]).softmax(dim=1).tolist(), strict=True)
    ]


def tell_thresholds(decision: DecisionSpec) -> None:
    """Print where doubt begins and ends."""
    chosen = decision.thresholds["defective"]
    print(f"  OK below {chosen.low}, NotOK from {chosen.high} on")


def test_others(cells: Sequence[Cell], numbered: Sequence[Cell], features: torch.Tensor) -> list[Answer]:
    """Test the other three quarters, each after training on the rest."""
    return [answer for by in range(1, QUARTERS) for answer in test(cells, turned(numbered, by), features)]


def right(answers: Iterable[Answer]) -> Rate:
    """Count right labels, by the better of two scores."""
    answers = list(answers)
    return accuracy([answer.better for answer in answers], [answer.cell.is_defective for answer in answers])


def verdicts(answers: Iterable[Answer]) -> Tally:
    """Count verdicts."""
    answers = list(answers)
    return tally([answer.verdict for answer in answers], [answer.cell.is_defective for answer in answers])


def as_forced(answers: Sequence[Answer]) -> Tally:
    """Count what it would be without doubt, where the better score decides."""
    return verdicts(answer._replace(verdict=Verdict.NotOK if answer.better else Verdict.OK) for answer in answers)


RATES: dict[str, Callable[[list[Answer]], Rate]] = {
    "accuracy": right,
    "accuracy where the expert was sure": lambda some: right(a for a in some if a.cell.grade in (0, 1)),
    "accuracy of mono": lambda some: right(a for a in some if a.cell.kind == "mono"),
    "accuracy of poly": lambda some: right(a for a in some if a.cell.kind == "poly"),
    "escape rate without doubt": lambda some: as_forced(some).escapes,
    "overkill rate without doubt": lambda some: as_forced(some).overkills,
    "escape rate": lambda some: verdicts(some).escapes,
    "overkill rate": lambda some: verdicts(some).overkills,
    "accuracy where decided": lambda some: verdicts(some).right,
    "doubt": lambda some: verdicts(some).doubts,
    "doubt of grade 0": lambda some: verdicts(a for a in some if round(a.cell.grade * 3) == 0).doubts,
    "doubt of grade 1/3": lambda some: verdicts(a for a in some if round(a.cell.grade * 3) == 1).doubts,
    "doubt of grade 2/3": lambda some: verdicts(a for a in some if round(a.cell.grade * 3) == 2).doubts,
    "doubt of grade 1": lambda some: verdicts(a for a in some if round(a.cell.grade * 3) == 3).doubts,
    "doubt of wrong labels": lambda some: verdicts(a for a in some if a.better != a.cell.is_defective).doubts,
}
"""What is told of each test, in this order."""


def between_modules(answers: Sequence[Answer], rate: Callable[[list[Answer]], Rate]) -> tuple[float, float]:
    """
    Give the range of 95 % of a rate if other modules of the same kind had come.

    Modules are drawn with replacement, whole, because cells of one module are not independent.

    Source:
        The percentile bootstrap of clusters: Davison and Hinkley, Bootstrap Methods and their
        Application, 1997, section 3.8.
    """
    modules = sorted({answer.cell.module for answer in answers})
    rates = [rate([answer for answer in answers if answer.cell.module == module]) for module in modules]
    counts, totals = (np.array([getattr(one, part) for one in rates]) for part in ("count", "total"))
    drawn = np.random.default_rng(0).integers(len(modules), size=(DRAWS, len(modules)))
    low, high = np.percentile(counts[drawn].sum(axis=1) / totals[drawn].sum(axis=1), (2.5, 97.5))
    return float(low), float(high)


def show(title: str, answers: list[Answer]) -> None:
    """Print all rates of a test with intervals of 95 %, and where it has enough modules those over modules."""
    print(f"{title}, {len(answers):,} cells")
    for name, rate in RATES.items():
        print(f"  {name:36}{rate(answers)}")


def show_between_modules(answers: list[Answer]) -> None:
    """Print how far rates could move with other modules."""
    print("if other modules had come")
    for name in ("accuracy", "escape rate", "overkill rate", "doubt"):
        low, high = between_modules(answers, RATES[name])
        print(f"  {name:36}{low:.1%} to {high:.1%}")


def show_mistakes(answers: Sequence[Answer]) -> None:
    """Name the cells that a verdict wrongs, so that one can look at them."""
    for title, verdict, defective in (("escapes", Verdict.OK, True), ("overkills", Verdict.NotOK, False)):
        found = [a.cell.path.stem for a in answers if a.verdict is verdict and a.cell.is_defective == defective]
        print(f"{title}: {' '.join(found)}")


def main() -> None:
    """Look at all cells once, then train and test eight times."""
    print(f"{machine()}, {', '.join(f'{name} {version(name)}' for name in ('torch', 'elpv-dataset'))}")
    cells, body, started = read_cells(), first_blocks(solar.SIZE), time.perf_counter()
    with one_thread():
        features = look_at([cell.path for cell in cells], solar.transform, body, lambda _done, _total, _what: None)
        print(f"looking at {len(cells):,} cells took {time.perf_counter() - started:.0f} s", file=sys.stderr)
        own = test(cells, cells, features)
        print(f"that and training took {time.perf_counter() - started:.0f} s", file=sys.stderr)
        show("the test of the example", own)
        show_mistakes(own)
        quarters = own + test_others(cells, cells, features)
        show("each quarter of the modules in turn", quarters)
        show_between_modules(quarters)
        mixed = shuffled(cells)
        flattered = test(cells, mixed, features) + test_others(cells, mixed, features)
        show("each quarter of shuffled cells in turn", flattered)


if __name__ == "__main__":
    main()
