"""A map becomes a picture that says where it lies."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from andon.cli.maps import save_maps
from andon.errors import EnvironmentFault
from andon.predictions import ScoreMap

MAP = ScoreMap(scores=np.array([[[0, 0.5]], [[1, 2]]], np.float32), x=10, y=20.5, step_x=4, step_y=3.25)


def test_each_label_has_a_picture(tmp_path: Path) -> None:
    """Black is 0 and white is 1; where its cells lie stands in the file."""
    first, second = save_maps(tmp_path / "a" / "b", "part.png", MAP, ("ok", "划痕"))
    assert (first.name, second.name) == ("part.png.0-ok.png", "part.png.1-划痕.png")
    with Image.open(first) as picture:
        assert np.asarray(picture).tolist() == [[0, 128]]
        assert picture.info == {"x": "10", "y": "20.5", "step_x": "4", "step_y": "3.25"}
    with Image.open(second) as picture:
        assert np.asarray(picture).tolist() == [[255, 255]]


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Neither that of an image nor that of a label."""
    paths = save_maps(tmp_path / "maps", "../../etc/x", MAP, ("a/../../b", "\n"))
    assert {path.parent for path in paths} == {tmp_path / "maps"}
    assert all(path.is_file() for path in paths)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """It is a fault of the environment."""
    (tmp_path / "maps").write_text("no folder")
    with pytest.raises(EnvironmentFault) as caught:
        save_maps(tmp_path / "maps", "x", MAP, ("a", "b"))
    assert caught.value.code == "environment.write"
    assert "maps" in caught.value.where
