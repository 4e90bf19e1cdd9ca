"""What is asked of a service before it is measured: is it ready, which model is it, what does it say to each image."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from andon.bench.report import Target
from andon.bench.requests import Image
from andon.client.answers import ServedModel
from andon.errors import ServiceError
from andon.predictions import Prediction

_PAUSE_S = 0.2


class Asked(Protocol):
    """What a client offers of a service, as `andon.Client` does."""

    def is_ready(self) -> bool:
        """Ask whether all models are ready."""
        ...

    def models(self) -> list[ServedModel]:
        """Describe the models."""
        ...

    def predict(self, image: bytes) -> Prediction:
        """Have one image predicted."""
        ...


def wait_until_ready(
    client: Asked, timeout_s: float, *, on_wait: Callable[[], None], sleep: Callable[[float], None] = time.sleep
) -> None:
    """
    Wait for a service that answers and is not ready yet; one that is not there is told at once.

    Args:
        client: Asked a few times a second.
        timeout_s: 0 or more.
        on_wait: Called once, where it has to wait.
        sleep: How it waits.

    Raises:
        ServiceError: `service.unready`: it was not ready in time, with the reason that it gives;
            `client.connection`: nothing listens there.
    """
    for turn in range(max(round(timeout_s / _PAUSE_S), 0) + 1):
        if client.is_ready():
            return
        failed = [model for model in client.models() if model.state == "failed"]
        if failed:
            raise ServiceError(
                f"the model {failed[0].name} cannot be served: {failed[0].reason}", code="service.unready"
            )
        if turn == 0:
            on_wait()
        sleep(_PAUSE_S)
    raise ServiceError(
        f"the service is not ready after {timeout_s:g} s", code="service.unready", hint="wait longer: --wait-s"
    )


def describe_service(client: Asked, url: str, model: str | None) -> Target:
    """
    Describe the model that is measured.

    Raises:
        ServiceError: `request.model`: the service has none of that name.
    """
    models = client.models()
    found = [each for each in models if (each.is_default if model is None else each.name == model)]
    if not found:
        raise ServiceError(
            f"the service has no model {model!r}",
            code="request.model",
            where=url,
            hint=f"it has {', '.join(each.name for each in models)}",
        )
    served = found[0]
    return Target(
        kind="service",
        address=url,
        model=served.name,
        version=served.version or "",
        digest=served.digest or "",
        runtime=served.runtime or "",
        precision=served.precision or "",
        devices=served.devices,
    )


def first_labels(client: Asked, images: Sequence[Image]) -> list[str]:
    """
    Ask for each image once, one after the other, so that later answers can be compared.

    Returns:
        A label for each; empty for none, as where a detector finds nothing.

    Raises:
        ServiceError: With the code of the service: it does not take an image.
    """
    return [_label(client.predict(image.data), image) for image in images]


def _label(prediction: Prediction, image: Image) -> str:
    error = prediction.error
    if error is not None:
        raise ServiceError(
            f"the service does not take this image: {error.message}", code=error.code, where=image.name, hint=error.hint
        )
    return prediction.label or ""
