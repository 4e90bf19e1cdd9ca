"""Write TorchServe's archive and settings, and become TorchServe in the foreground."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import os
import shutil
import subprocess
import sys
from pathlib import Path

from common_work import PORT, WORK

HERE = Path(__file__).parent
SETTINGS = f"""\
inference_address=http://127.0.0.1:{PORT}
management_address=http://127.0.0.1:{PORT + 1}
metrics_address=http://127.0.0.1:{PORT + 2}
grpc_inference_port={PORT + 3}
grpc_management_port={PORT + 4}
disable_token_authorization=true
default_workers_per_model=2
job_queue_size=1000
"""
MODEL = "minWorkers: 2\nmaxWorkers: 2\nbatchSize: 4\nmaxBatchDelay: 5\nresponseTimeout: 120\n"


def main() -> None:
    """Start it."""
    folder = WORK / "torchserve"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "config.properties").write_text(SETTINGS)
    (folder / "model-config.yaml").write_text(MODEL)
    programs = Path(sys.executable).parent
    archive = ["--model-name", "resnet18", "--version", "1.0", "--handler", str(HERE / "torchserve_handler.py")]
    archive += ["--config-file", str(folder / "model-config.yaml"), "--export-path", str(folder)]
    archive += ["--serialized-file", str(WORK / "resnet18.torchscript.pt")]
    subprocess.run([str(programs / "torch-model-archiver"), *archive], check=True)
    os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    os.environ["TEMP"] = os.environ["LOG_LOCATION"] = os.environ["METRICS_LOCATION"] = str(folder)
    os.chdir(folder)
    start = ["torchserve", "--start", "--foreground", "--ncs", "--model-store", str(folder), "--models", "resnet18.mar"]
    os.execv(programs / "torchserve", [*start, "--ts-config", str(folder / "config.properties")])  # noqa: S606 -- it takes this process's place, so that signals reach it


if __name__ == "__main__":
    main()
