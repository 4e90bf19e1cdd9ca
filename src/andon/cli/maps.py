"""The maps of predictions as PNG files, a plane a label: black is 0, white is 1. It knows no command."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from andon.errors import EnvironmentFault
from andon.predictions import ScoreMap

_UNUSUAL = re.compile(r"[^\w.-]")


def save_maps(folder: Path, name: str, score_map: ScoreMap, labels: Sequence[str]) -> list[Path]:
    """
    Write the map of one image: `NAME.INDEX-LABEL.png` for each label, 8-bit grey, a pixel a cell.

    Args:
        folder: Made where it is not there.
        name: Of the image; what has no place in a file name becomes `_`.
        score_map: What is written beside each plane, as text of the PNG file: `x`, `y`, `step_x`
            and `step_y`, which say where in the image its cells lie.
        labels: In the order of the planes.

    Raises:
        EnvironmentFault: `environment.write`.
    """
    place = PngInfo()
    for key in ("x", "y", "step_x", "step_y"):
        place.add_text(key, f"{getattr(score_map, key):.6g}")
    written = []
    for index, (label, plane) in enumerate(zip(labels, score_map.scores, strict=True)):
        path = folder / f"{_plain(name)}.{index}-{_plain(label)[:80]}.png"
        grey = np.rint(plane.clip(0, 1) * 255).astype(np.uint8)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grey).save(path, pnginfo=place)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise EnvironmentFault(f"cannot be written: {reason}", code="environment.write", where=str(path)) from None
        written.append(path)
    return written


def _plain(text: str) -> str:
    return _UNUSUAL.sub("_", text)
