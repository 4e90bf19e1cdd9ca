"""
Small heads on the first blocks of EfficientNet-Lite0, which stay as ImageNet made them.

It knows nothing of what the images show: they come as files, and what is true of them as grades
from 0 to 1. What the blocks make of an image is called its features: float32 (C, H, W), for images
of 300 pixels (112, 19, 19).
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from andon.demo import photos
from andon.machine.cores import available_cores

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import nn

Progress = Callable[[int, int, str], None]

BLOCKS = 11
WIDTH, EPOCHS, BATCH = 64, 8, 32


def first_blocks(size: int) -> "nn.Module":
    """Give the frozen part, padded for square images of this size: float32 (N, 3, size, size) to features."""
    from torch import nn

    network = photos.model(image_size=size)
    stem, normalisation, blocks, *_ = network.children()
    kept = list(blocks.children())[:BLOCKS]
    return nn.Sequential(stem, normalisation, nn.ReLU6(), *kept).requires_grad_(requires_grad=False).eval()


def look_at(
    paths: Sequence[Path],
    transform: "Callable[[Image.Image], torch.Tensor]",
    body: "nn.Module",
    progress: Progress,
) -> "torch.Tensor":
    """
    Give the features of images: float32 (N, C, H, W).

    Each thread looks at one image at a time, which stays in the cache of its core; the sums are the
    same on machines with other cores.
    """
    import torch
    from PIL import Image

    def look(path: Path) -> torch.Tensor:
        with torch.no_grad(), Image.open(path) as image:
            seen: torch.Tensor = body(transform(image)[None].contiguous(memory_format=torch.channels_last))
        return seen

    made = []
    with ThreadPoolExecutor(available_cores()) as pool:
        for done, seen in enumerate(pool.map(look, paths)):
            progress(done, len(paths), "looking at images")
            made.append(seen)
    return torch.cat(made)


def train_head(features: "torch.Tensor", grades: "torch.Tensor", progress: Progress) -> "nn.Module":
    """
    Train a small network that makes the logit of a defect of features.

    Args:
        features: float32 (N, C, H, W), of at least `BATCH` images.
        grades: float32 (N, 1), 0-1: how probable a defect is. Where an expert was not sure, the
            head need not be.
        progress: Told of each step.
    """
    import torch
    from torch import nn

    head = _new_head(features.shape[1], features.shape[-1])
    steps = EPOCHS * (len(features) // BATCH)
    optimizer = torch.optim.AdamW(head.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.003, total_steps=steps)
    for step in range(steps):
        progress(step, steps, "training a head")
        rows = torch.randint(len(features), (BATCH,))
        flipped = [axis for axis in (2, 3) if torch.rand(()) < 0.5]
        loss = nn.functional.binary_cross_entropy_with_logits(head(features[rows].flip(flipped)), grades[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return head.eval().requires_grad_(requires_grad=False)


def _new_head(channels: int, side: int) -> "nn.Module":
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, 1),
        nn.ReLU(),
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
        nn.Threshold(0.01, 0.01),  # a ReLU that stays above 0, where the root below has no slope
        nn.LPPool2d(4, side),  # between mean and maximum: a small defect counts, and so does a large one
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(WIDTH, 1),
    )


def familiarity(features: "torch.Tensor") -> "nn.Linear":
    """
    Make the layer behind which the distance from the average of these features is the length of what comes out.

    It takes means over all places, float32 (N, C), and the distance is that of Mahalanobis: each
    direction counts by how much the images differ in it. 1 is a tenth farther than the strangest of them.
    """
    import torch
    from torch import nn

    means = features.mean(dim=(2, 3))
    variances, directions = torch.linalg.eigh(torch.cov(means.T))
    layer = nn.Linear(*means.shape[1:], *means.shape[1:])
    with torch.no_grad():
        # A little is added, or directions in which the images hardly differ would decide alone.
        layer.weight.copy_((directions / (variances + variances.mean() / 20).sqrt()).T)
        layer.bias.copy_(-layer.weight @ means.mean(dim=0))
        farthest = layer(means).norm(dim=1).max()
        layer.weight.div_(1.1 * farthest)
        layer.bias.div_(1.1 * farthest)
    return layer.requires_grad_(requires_grad=False)


def judge(heads: "Iterable[nn.Module]", familiar: "nn.Linear") -> "nn.Module":
    """
    Join heads to one judge of features: (N, C, H, W) to logits (N, 3), for good, defective and strange.

    Their softmax shares out 1 between strange and the other two, and what these get as the mean of the heads.
    """
    import torch
    from torch import nn

    class Judge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads, self.familiar = nn.ModuleList(heads), familiar

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            defect = torch.stack([head(features) for head in self.heads]).mean(dim=0)
            distance = self.familiar(features.mean(dim=(2, 3))).norm(dim=1, keepdim=True)
            strange = (20 * (distance - 1)).clamp(-10, 10)
            # The logarithm of a sigmoid, written so that large logits keep their digits in every runtime.
            return torch.cat([-nn.functional.softplus(torch.cat([defect, -defect], dim=1)), strange], dim=1)

    return Judge().eval()
