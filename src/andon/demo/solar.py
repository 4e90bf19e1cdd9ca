"""
The example `solar`: train, test and pack a classifier of solar cells that knows when it is in doubt.

Copy this file, and put your list of images in the place of `read_cells`. What learns is in
`andon.demo.heads`, which knows of no cells. In your copy the imports go to the top, and `pack` is
`andon.pack`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from andon.bundle.output_spec import DecisionSpec, Threshold
from andon.decide import decide
from andon.demo.cells import TEST_GROUP, TRAINING_GROUPS, Cell, read_cells, rows_of
from andon.demo.heads import Progress, familiarity, first_blocks, judge, look_at, train_head
from andon.evaluate.metrics import Rate, accuracy, as_metrics, tally
from andon.evaluate.thresholds import choose_thresholds

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import nn

    from andon.build.pack import PackReport

LABELS = ["functional", "defective", "no solar cell"]
SIZE = 300
INPUT = {
    "color": "LLL",
    "resize": {"mode": "exact", "size": [SIZE, SIZE], "interpolation": "bilinear"},
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}
"""What `transform` does, declared."""
MAX_ESCAPE, MAX_OVERKILL = 0.05, 0.10
"""How many defective cells may be `OK`, and good ones `NotOK`, where a head was not trained; the rest is doubt."""


def transform(image: "Image.Image") -> "torch.Tensor":
    """Prepare an image of any mode and size: float32 (3, 300, 300), grey in each channel, from -1 to 1."""
    import numpy as np
    import torch
    from PIL import Image

    grey = image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return (torch.from_numpy(np.array(grey)).expand(3, -1, -1) / 255 - 0.5) / 0.5


def train(cells: Sequence[Cell], features: "torch.Tensor", progress: Progress) -> "tuple[nn.Module, DecisionSpec]":
    """Train a head for each group of modules on the other groups, and choose the thresholds on those left out."""
    import torch

    torch.manual_seed(0)
    grades = torch.tensor([[cell.grade] for cell in cells])
    familiar = familiarity(features[rows_of(cells, *TRAINING_GROUPS)])
    heads, scores, defective = [], [], []
    for group in TRAINING_GROUPS:
        seen = rows_of(cells, *(other for other in TRAINING_GROUPS if other != group))
        heads.append(train_head(features[seen], grades[seen], progress))
        unseen = rows_of(cells, group)
        scores += judge(heads[-1:], familiar)(features[unseen]).softmax(dim=1)[:, 1].tolist()
        defective += [cells[row].is_defective for row in unseen]
    chosen = choose_thresholds(scores, defective, max_escape=MAX_ESCAPE, max_overkill=MAX_OVERKILL)
    thresholds = {"defective": chosen.threshold, "no solar cell": Threshold(low=0.5, high=1)}
    return judge(heads, familiar), DecisionSpec(ok_labels=("functional",), thresholds=thresholds)


def test(cells: Sequence[Cell], scores: Sequence[Sequence[float]], decision: DecisionSpec) -> dict[str, Rate]:
    """Count right and wrong answers on cells that nothing was trained or chosen on."""
    defective = [cell.is_defective for cell in cells]
    right = accuracy([score[1] > score[0] for score in scores], defective)
    return {"accuracy": right, **tally([decide(score, LABELS, decision)[0] for score in scores], defective).rates()}


def pack_solar(out: Path, progress: Progress | None = None) -> "PackReport":
    """
    Train, test and pack the example.

    Raises:
        EnvironmentFault: `environment.extra`: torch, or a package of the extra `demo`, is not installed.
    """
    from andon.build.author import one_thread
    from andon.build.pack import pack
    from andon.build.weights import require_torch

    require_torch()
    from torch import nn

    told = progress or (lambda _done, _total, _what: None)
    cells, body = read_cells(), first_blocks(SIZE)
    tested = rows_of(cells, TEST_GROUP)
    with one_thread():
        features = look_at([cell.path for cell in cells], transform, body, told)
        judging, decision = train(cells, features, told)
        scores = judging(features[tested]).softmax(dim=1).tolist()
    rates = test([cells[row] for row in tested], scores, decision)
    return pack(
        nn.Sequential(body, judging),
        samples=samples(),
        labels=LABELS,
        out=out,
        transform=transform,
        input=INPUT,
        decision=decision,
        name="solar",
        provenance={
            "source": "andon demo solar",
            "dataset": "PyPI elpv-dataset (CC BY-NC-SA 4.0), tested on every fourth module",
            "metrics": {"tested cells": len(tested), **as_metrics(rates)},
        },
        progress=progress,
    )


def samples() -> list[Path]:
    """Give the images to prove with: one cell of each module of the test, which travel in the bundle."""
    return list({cell.module: cell.path for cell in read_cells() if cell.group == TEST_GROUP}.values())


def sample_photo() -> Path:
    """Give the cell that is classified for a first look: one of the test, with a crack."""
    return read_cells()[426].path
