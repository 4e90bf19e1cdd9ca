"""What is asked of a service before the load."""

from collections.abc import Iterator, Sequence

import msgspec
import pytest

from andon.bench.requests import Image
from andon.bench.target import describe_service, first_labels, wait_until_ready
from andon.client.answers import ServedModel
from andon.errors import ServiceError
from andon.predictions import Failure, Prediction, failed
from tests.support.unreliable import MODEL

SERVED = msgspec.convert(MODEL, ServedModel)


class Scripted:
    """A service that says what it is told to."""

    def __init__(self, ready: Sequence[bool] = (True,), models: Sequence[ServedModel] = ()) -> None:
        self._ready: Iterator[bool] = iter(ready)
        self._models = list(models)

    def is_ready(self) -> bool:
        """Say the next of the script."""
        return next(self._ready)

    def models(self) -> list[ServedModel]:
        """Say the models."""
        return self._models

    def predict(self, image: bytes) -> Prediction:
        """Refuse what begins with x, and else answer with the bytes as label."""
        if image.startswith(b"x"):
            return failed(Failure(code="image.format", message="no image"))
        return Prediction(label=image.decode() or None)


def test_a_ready_service_is_not_waited_for() -> None:
    """Nobody is told of waiting."""
    told: list[str] = []
    wait_until_ready(Scripted([True]), 60, on_wait=lambda: told.append("waits"))
    assert told == []


def test_a_service_that_loads_is_waited_for_and_that_is_said_once() -> None:
    """Until it is ready."""
    told: list[str] = []
    slept: list[float] = []
    wait_until_ready(Scripted([False] * 3 + [True]), 60, on_wait=lambda: told.append("waits"), sleep=slept.append)
    assert (told, len(slept)) == (["waits"], 3)


def test_patience_ends() -> None:
    """With the option that lengthens it."""
    with pytest.raises(ServiceError, match="not ready after 1 s") as refused:
        wait_until_ready(Scripted([False] * 99), 1, on_wait=lambda: None, sleep=lambda _s: None)
    assert refused.value.code == "service.unready"
    assert "--wait-s" in refused.value.hint


def test_a_model_that_failed_is_not_waited_for() -> None:
    """The service says why."""
    broken = msgspec.structs.replace(SERVED, state="failed", reason="proof does not hold")
    with pytest.raises(ServiceError, match="proof does not hold"):
        wait_until_ready(Scripted([False] * 9, [broken]), 60, on_wait=lambda: None, sleep=lambda _s: None)


def test_the_model_is_the_named_one_or_the_default() -> None:
    """A name that is not served is told with those that are."""
    models = [
        msgspec.structs.replace(SERVED, name="a", is_default=True, version="123"),
        msgspec.structs.replace(SERVED, name="b", runtime="onnxruntime"),
    ]
    service = Scripted(models=models)
    assert describe_service(service, "http://x", None).version == "123"
    assert describe_service(service, "http://x", "b").runtime == "onnxruntime"
    with pytest.raises(ServiceError) as refused:
        describe_service(service, "http://x", "c")
    assert (refused.value.code, refused.value.hint) == ("request.model", "it has a, b")


def test_each_image_is_asked_for_once_and_one_that_is_refused_ends_it() -> None:
    """With the name of the file, before any load."""
    assert first_labels(Scripted(), [Image("1", b"cat"), Image("2", b"")]) == ["cat", ""]
    with pytest.raises(ServiceError, match="does not take this image: no image") as refused:
        first_labels(Scripted(), [Image("1", b"cat"), Image("odd.png", b"x")])
    assert (refused.value.code, refused.value.where) == ("image.format", "odd.png")
