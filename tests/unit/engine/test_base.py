"""What engines are handed, and what they say of models."""

from pathlib import Path

import numpy as np

from andon.engine.base import Job, LoadedModel, Priority
from andon.model.load import load


def test_a_job_holds_the_bytes_of_its_image() -> None:
    """Encoded, or as pixels; by default it waits with people, and for as long as it takes."""
    job = Job(model="m", image=b"12345")
    assert job.size_bytes == 5
    assert Job(model="m", image=np.zeros((4, 5, 3), np.uint8)).size_bytes == 60
    assert job.priority is Priority.interactive
    assert job.deadline == float("inf")


def test_lanes_are_in_order() -> None:
    """The line goes first."""
    assert sorted(Priority) == [Priority.line, Priority.interactive, Priority.batch]


def test_a_loaded_model_has_name_and_version(colours: Path) -> None:
    """Those of the model that was loaded."""
    model = load(colours, runtime="null")
    assert model.canary is not None
    loaded = LoadedModel(
        manifest=model.manifest, digest=model.digest, execution=model.execution, proof=None, canary=model.canary
    )
    assert (loaded.name, loaded.version) == (model.name, model.version) == ("colours", model.digest[:12])
