"""
Compare an old model's answers with those of its bundle.

    python compare_answers.py ANSWERS.npz BUNDLE.andon IMAGE_FOLDER

The answers come from record_answers.py, which ran where the old model still runs.
"""

import sys
from pathlib import Path

import numpy as np

import andon

ALLOWED = 1e-2
"""Relative: two versions of PyTorch differ by 1e-5, two versions of Pillow by a grey level on some pixels."""


def main(answers_file: str, bundle: str, folder: str) -> int:
    """Print each image with the difference of the raw outputs, and return 1 where one is too large."""
    answers = np.load(answers_file, allow_pickle=False)
    model = andon.load(bundle)
    problems = 0
    for name in (key.removeprefix("output/") for key in answers if key.startswith("output/")):
        expected = answers[f"output/{name}"]
        scores = np.exp(expected - expected.max())
        scores /= scores.sum()
        prediction = model.predict(Path(folder, name))
        difference = float(np.abs(np.array(prediction.scores) - scores).max()) if prediction.scores else 1.0
        is_same = prediction.index == int(expected.argmax()) and difference <= ALLOWED
        problems += not is_same
        print(f"{name}: {prediction.label}, scores off by {difference:.2g}{'' if is_same else '  DIFFERS'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
