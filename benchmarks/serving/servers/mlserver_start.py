"""Write MLServer's settings, and become MLServer."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import json
import os
import sys
from pathlib import Path

from common_work import PORT, WORK


def main() -> None:
    """Start it."""
    folder = WORK / "mlserver"
    folder.mkdir(exist_ok=True)
    ports = {"http_port": PORT, "grpc_port": PORT + 1, "metrics_port": PORT + 2}
    settings = {"host": "127.0.0.1", "parallel_workers": 2, "debug": False, **ports}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "resnet18", "implementation": "mlserver_runtime.Classifier"}
    (folder / "model-settings.json").write_text(json.dumps(model))
    os.chdir(folder)
    program = Path(sys.executable).with_name("mlserver")
    os.execv(program, ["mlserver", "start", str(folder)])  # noqa: S606 -- it takes this process's place, so that signals reach it


if __name__ == "__main__":
    main()
