"""
Pack a network with a preparation that no declaration has: contrast that is stretched by each image's own levels.

    python pack_own_code.py IMAGE_FOLDER OUT_FILE

The network is that of pack_your_model.py, next to this file. `stretched` must be installed where the bundle is loaded.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pack_your_model import LABELS, MEAN, STD, Colours
from PIL import Image, ImageOps

import andon


def stretched(image: Image.Image) -> NDArray[np.uint8]:
    """Prepare a Pillow image: uint8 (224, 224, 3), darkest level 0 and brightest 255."""
    small = image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
    return np.asarray(ImageOps.autocontrast(small, cutoff=1, preserve_tone=True))


def main(images: str, out: str) -> None:
    """Pack, and answer for the images."""
    samples = sorted(Path(images).iterdir())
    report = andon.pack(
        Colours(),
        samples=samples,
        labels=LABELS,
        out=out,
        prepare="pack_own_code:stretched",
        input={"mean": MEAN, "std": STD},
    )
    for note in report.notes:
        print(f"note: {note}")
    model = andon.load(out, trust=True)
    for sample in samples:
        print(f"{sample.name}: {model.predict(sample).label}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
