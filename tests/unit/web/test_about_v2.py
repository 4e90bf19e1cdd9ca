"""What the service says of itself in the Open Inference Protocol, while it loads and after."""

from pathlib import Path

from tests.support.bundles import LABELS
from tests.support.engines import FakeEngine
from tests.support.served import asked


def test_a_loaded_model_is_described(colours: Path) -> None:
    """By its name and by its version: tensors, versions, labels, and the numbers that load generators read."""
    with asked(str(colours), max_images=7) as client:
        version = client.get("/models").json()["models"][0]["version"]
        for path in ("/v2/models/colours", f"/v2/models/colours/versions/{version}"):
            described = client.get(path).json()
            assert (described["name"], described["versions"]) == ("colours", [version])
            assert described["outputs"][0] == {"name": "scores", "datatype": "FP32", "shape": [-1, len(LABELS)]}
            assert client.get(f"{path}/ready").json() == {"name": "colours", "ready": True}
            assert client.get(f"{path}/config").json()["max_batch_size"] == 7
        assert client.get("/v2").json()["name"] == "andon"
        assert client.get("/v2/health/live").json() == {"live": True}
        assert client.get("/v2/health/ready").json() == {"ready": True}


def test_an_unknown_model_is_an_error_of_the_protocol(colours: Path) -> None:
    """404, in the shape that its clients read; a wrong version of a known name too."""
    with asked(str(colours)) as client:
        for path in ("/v2/models/none", "/v2/models/colours/versions/1/ready", "/v2/nothing"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert set(answer.json()) == {"error"}


def test_the_index_lists_what_is_asked_for(colours: Path) -> None:
    """All models in their order, with their state; only those that are ready where that is wanted."""
    with asked(str(colours), None) as client:
        listed = client.post("/v2/repository/index").json()
        assert [(model["name"], model["state"]) for model in listed] == [("colours", "READY"), ("null", "READY")]
        assert client.post("/v2/repository/index", json={"ready": True}).json() == listed
        assert client.post("/v2/repository/index", content=b"{").status_code == 400


def test_while_it_loads_the_service_is_not_ready() -> None:
    """503 for all and for the model; it is listed as loading, and not among those that are ready."""
    with asked("a.andon", engine=FakeEngine(), loads=False) as client:
        assert client.get("/v2/health/live").status_code == 200
        assert client.get("/v2/health/ready").status_code == 503
        assert client.get("/v2/models/a/ready").status_code == 503
        (listed,) = client.post("/v2/repository/index").json()
        assert (listed["name"], listed["state"]) == ("a", "LOADING")
        assert client.post("/v2/repository/index", json={"ready": True}).json() == []
