"""The models of an engine, each of them loaded once for each of its devices."""

from collections.abc import Callable, Mapping

from andon.bundle.archive import read_bundle
from andon.engine.base import Job, LoadedModel
from andon.engine.copies import load_copies
from andon.engine.placement import Choice
from andon.model.choose import Request
from andon.model.failed import fault_prediction
from andon.model.load import load_bundle
from andon.model.model import Model
from andon.model.null import null_model
from andon.predictions import Prediction
from andon.settings.devices import CPU
from andon.settings.serve import ServeSettings


class Models:
    """
    Loads models and runs them in the calling thread; may be used from several threads at once.

    Where the choice of devices may fall back, the first model decides between the cards and the
    CPU. One that comes later and cannot use the cards has one copy, on the CPU.

    Args:
        settings: What models load with, and the limits on their images.
        choice: The devices that they should be on.
        threads: Compute threads of one run, 1 or more.
        callers: Threads that will run a model at once, by its device.
    """

    def __init__(
        self, settings: ServeSettings, choice: Choice, *, threads: int = 1, callers: Callable[[str], int] = lambda _: 1
    ) -> None:
        self._settings = settings
        self._choice = choice
        self._threads = threads
        self._callers = callers
        self._copies: dict[str, Mapping[str, Model]] = {}

    @property
    def devices(self) -> tuple[str, ...] | None:
        """Where they compute; None as long as that is not decided."""
        return None if self._choice.may_fall_back and not self._copies else self._choice.devices

    def __contains__(self, digest: object) -> bool:
        return digest in self._copies

    def load(self, path: str | None) -> LoadedModel:
        """
        Load and prove a bundle on each device; None loads the model `null`, on the CPU.

        Raises:
            AndonError: As `andon.load`; what was loaded before stays.
        """
        copies = {CPU: null_model()} if path is None else self._load_bundle(path)
        for model in copies.values():
            model.limits = self._settings
        if self.devices is None:
            self._choice = Choice(devices=tuple(copies), may_fall_back=CPU not in copies)
        return _describe(self._copies.setdefault(next(iter(copies.values())).digest, copies))

    def _load_bundle(self, path: str) -> Mapping[str, Model]:
        bundle, settings = read_bundle(path), self._settings

        def load_on(device: str) -> Model:
            request = Request(
                runtime=settings.runtime, precision=settings.precision, device=device, trust=settings.trust
            )
            return load_bundle(bundle, request, threads=self._threads, callers=self._callers(device))

        return load_copies(load_on, self._choice)

    def get(self, digest: str, device: str = "") -> Model:
        """Give the copy of a model that is loaded, on a device; where it has none there, its first."""
        copies = self._copies[digest]
        return copies.get(device) or next(iter(copies.values()))

    def predict(self, job: Job, device: str, is_wanted: Callable[[], bool]) -> Prediction:
        """
        Predict the image of a job with the copy of a device; whatever happens, there is an answer.

        Args:
            job: Of a model that is loaded.
            device: One of `devices`.
            is_wanted: Asked now and then while a large image is worked on, which stops where it says no.
        """
        model = self.get(job.model, device)
        try:
            if job.is_canary and isinstance(job.image, bytes):
                return model.predict_sample(job.image)
            return model.predict_while(job.image, is_wanted)
        except Exception as error:  # noqa: BLE001 -- logged, and answered as a fault of ours
            return fault_prediction(error)


def _describe(copies: Mapping[str, Model]) -> LoadedModel:
    first = next(iter(copies.values()))
    if first.canary is None:
        raise ValueError("a loaded model has a canary")
    return LoadedModel(
        manifest=first.manifest,
        digest=first.digest,
        execution=first.execution,
        proof=first.proof,
        canary=first.canary,
        devices=tuple(copies),
        passed_over=first.passed_over,
    )
