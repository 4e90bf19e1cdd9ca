"""Fixtures for the tests of optimising: images of the classifier of colours, in folders called as its labels."""

from pathlib import Path

import pytest

from tests.support.bundles import LABELS, colour_image

COLOURS = ((200, 40, 40), (40, 180, 60), (50, 60, 190))


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give 150 images, 50 of each label; do not change them."""
    folder = tmp_path_factory.mktemp("parts")
    paths = []
    for number in range(150):
        label = LABELS[number % 3]
        (folder / label).mkdir(exist_ok=True)
        paths.append(folder / label / f"{number:03}.png")
        colour_image(COLOURS[number % 3], seed=number).save(paths[-1])
    return paths
