"""
Predict every image of a folder from Python.

    python predict_folder.py FILE.andon IMAGE_FOLDER
"""

import sys
from pathlib import Path

import andon


def main(bundle: str, folder: str) -> int:
    """Print a line for each image; return 1 where one could not be used."""
    model = andon.load(bundle)  # proves itself here, or raises
    paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
    failed = 0
    for path, prediction in zip(paths, model.predict_many(paths), strict=True):
        if prediction.error:
            failed = 1
            print(f"{path.name}: {prediction.error.code}: {prediction.error.message}")
        else:
            print(f"{path.name}: {prediction.label} {prediction.score:.3f}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
