"""
Ask a running service about every image of a folder.

    andon serve FILE.andon
    python ask_server.py http://127.0.0.1:5555 IMAGE_FOLDER
"""

import sys
from pathlib import Path

import andon


def main(url: str, folder: str) -> int:
    """Print a line for each image; return 1 where one could not be used, 3 where the service could not."""
    paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
    failed = 0
    try:
        with andon.Client(url, deadline_s=10) as client:
            client.wait_until_ready()
            for path, prediction in zip(paths, client.predict_many(paths), strict=True):
                if prediction.error:
                    failed = 1
                    print(f"{path.name}: {prediction.error.code}: {prediction.error.message}")
                else:
                    print(f"{path.name}: {prediction.label} {prediction.score:.3f}")
    except andon.ServiceError as error:
        print(error, file=sys.stderr)  # what happened, the URL, the request id, and what to do
        return 3
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
