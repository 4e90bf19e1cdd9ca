"""MLflow: log the classifier as a model, and become its scoring server with two workers."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import base64
import os
import shutil
import sys
from pathlib import Path

import mlflow
import pandas as pd
from common_work import PORT, WORK, load_network, prepare, top1


class Classifier(mlflow.pyfunc.PythonModel):
    """Top-1 of photos."""

    def load_context(self, context: object) -> None:
        """Load the network in this worker."""
        self.network = load_network()

    def predict(self, context: object, model_input: pd.DataFrame, params: object = None) -> list[str]:
        """Answer in the order of the rows."""
        photos = [base64.b64decode(text) for text in model_input["photo"]]
        return [f"class {number}" for number in top1(self.network, [prepare(photo) for photo in photos])]


def main() -> None:
    """Start it."""
    folder = WORK / "mlflow"
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.pyfunc.save_model(folder, python_model=__file__, pip_requirements=[])
    program = Path(sys.executable).with_name("mlflow")
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    arguments = ["--model-uri", str(folder), "--host", "127.0.0.1", "--port", str(PORT), "--env-manager", "local"]
    os.execv(program, ["mlflow", "models", "serve", "--workers", "2", *arguments])  # noqa: S606 -- it takes this process's place, so that signals reach it


mlflow.models.set_model(Classifier())

if __name__ == "__main__":
    main()
