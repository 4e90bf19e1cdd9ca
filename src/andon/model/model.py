"""One loaded bundle: decode, prepare, run, finish, decide. What a notebook and every worker use."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice

import numpy as np
from msgspec import Struct
from PIL import Image

from andon.bundle.manifest import Execution, Manifest
from andon.decide import decide
from andon.errors import AndonError, ImageError, RuntimeFault, UsageError
from andon.model.ahead import Source, work_ahead
from andon.model.canary import Canary
from andon.model.prove import Proof
from andon.model.steps import Steps
from andon.predictions import Failure, Prediction, failed
from andon.runtimes.base import Session
from andon.settings.limits import DEFAULT_LIMITS
from andon.tensors import FloatArray, InputArray, fits_shape
from andon.vision.decode import ImageSource

logger = logging.getLogger("andon")

DEFAULT_BATCH_SIZE = 8
"""Images that `predict_many` hands to the runtime at once."""


class _Decoded(Struct, frozen=True):
    """A decoded image, or the reason why there is none."""

    picture: Image.Image | ImageError
    decode_ms: float


class _Prepared(Struct, frozen=True):
    """One image on its way: pixels (H, W, C) or the reason why there are none, and the time it took."""

    pixels: InputArray | AndonError
    timings_ms: dict[str, float]


class Opened(Struct, frozen=True, kw_only=True):
    """One execution of a bundle, ready to run."""

    execution: Execution
    session: Session
    steps: Steps
    """What is done around the graph."""
    proof: Proof | None
    """What came of the golden samples; None for the runtime `null`, which has nothing to prove."""


class Model:
    """
    One loaded model; may be used from several threads at once.

    Made by `load`, which proves it first.
    """

    def __init__(
        self,
        manifest: Manifest,
        digest: str,
        opened: Opened,
        *,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        self.manifest = manifest
        """The whole of `bundle.json`."""
        self.digest = digest
        """SHA-256 of `bundle.json`, 64 hex digits."""
        self.execution = opened.execution
        """The artifact, runtime, precision and device in use."""
        self.proof = opened.proof
        """What came of the golden samples; None for the runtime `null`, which has nothing to prove."""
        self.device = device
        """Where it computes: `cpu` or `cuda:N`."""
        self.limits = DEFAULT_LIMITS
        """Bounds on images; set another `Limits` to change them."""
        self.canary: Canary | None = None
        """A golden sample to ask a running model again and again; None where there is none."""
        self._session = opened.session
        self._steps = opened.steps
        self._threads = threads

    @property
    def name(self) -> str:
        """The name in the manifest."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The first 12 hex digits of the digest."""
        return self.digest[:12]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of `Prediction.scores`."""
        return self.manifest.output.labels

    def __repr__(self) -> str:
        return f"<andon.Model {self.name}:{self.version} on {self.execution.runtime} {self.device}>"

    def predict(self, image: ImageSource) -> Prediction:
        """
        Predict one image, in the calling thread.

        Args:
            image: A path or the bytes of an image file, an array uint8 (H, W, 3) in RGB order, uint8
                or uint16 (H, W) of grey, or a Pillow image.

        Returns:
            The prediction. An image that cannot be used does not raise: its prediction has
            `error` set, no label, and the verdict `NotDecidable`.
        """
        return self._finish_batch([self._prepare(self._decode(image))])[0]

    def predict_many(
        self, images: Iterable[ImageSource], *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Iterator[Prediction]:
        """
        Predict many images in order, lazily: decoding runs ahead of the model by one batch.

        Args:
            images: As `predict` takes them; read as they are needed, so they may be endless. An
                array may be used for the next image, and a Pillow image closed, once the next is
                asked for. With one thread nothing is read ahead.
            batch_size: Images handed to the runtime at once, 1 or more.

        Yields:
            One prediction an image, in the order given. A bad image yields one with `error` set
            and does not touch the others. Where reading `images` raises, what was read before is
            answered, then the error comes out.

        Raises:
            UsageError: `usage.argument`: the batch size is below 1, or `images` is a single image.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}, expected 1 or more", code="usage.argument")
        if isinstance(images, str | bytes | os.PathLike | Image.Image) or getattr(images, "ndim", 4) < 4:
            raise UsageError(
                "images is a single image, expected several", code="usage.argument", hint="predict([image]), or predict"
            )
        return self._predict_batches(Source(images), batch_size)

    def _predict_batches(self, images: Source[ImageSource], batch_size: int) -> Iterator[Prediction]:
        with closing(work_ahead(images, self._begin, ahead=batch_size, threads=self._threads)) as prepared:
            while batch := list(islice(prepared, batch_size)):
                yield from self._finish_batch(batch)
        if images.error is not None:
            raise images.error

    def _begin(self, image: ImageSource) -> Callable[[], _Prepared]:
        """Decode now what the caller may take back, and give the rest of the work."""
        if isinstance(image, str | os.PathLike | bytes):
            return lambda: self._prepare(self._decode(image))
        decoded = self._decode(image)
        return lambda: self._prepare(decoded)

    def _decode(self, image: ImageSource) -> _Decoded:
        """Decode one image; its error is kept for its prediction."""
        started = time.perf_counter()
        picture: Image.Image | ImageError
        try:
            picture = self._steps.decode(image, self.limits)
        except ImageError as error:
            picture = error
        return _Decoded(picture, (time.perf_counter() - started) * 1e3)

    def _prepare(self, decoded: _Decoded) -> _Prepared:
        """Prepare one image; its error is kept for its prediction."""
        started = time.perf_counter()
        pixels: InputArray | AndonError
        try:
            pixels = self._prepared_pixels(decoded.picture)
        except (ImageError, RuntimeFault) as error:
            pixels = error
        prepare_ms = (time.perf_counter() - started) * 1e3
        return _Prepared(pixels, {"decode": decoded.decode_ms, "prepare": prepare_ms})

    def _prepared_pixels(self, picture: Image.Image | ImageError) -> InputArray:
        if isinstance(picture, ImageError):
            raise picture
        pixels = self._steps.prepare(picture)
        wanted = self._session.input_shape
        if wanted is not None and pixels.shape != wanted:
            raise ImageError(
                f"the image has the shape {pixels.shape} after preparing, the model takes {wanted}",
                code="image.shape",
            )
        return pixels

    def _finish_batch(self, batch: Sequence[_Prepared]) -> list[Prediction]:
        started = time.perf_counter()
        outputs = iter(self._run([item.pixels for item in batch if not isinstance(item.pixels, AndonError)]))
        infer_ms = (time.perf_counter() - started) * 1e3
        return [
            failed_prediction(item.pixels, item.timings_ms)
            if isinstance(item.pixels, AndonError)
            else self._predict_one(next(outputs), {**item.timings_ms, "infer": infer_ms})
            for item in batch
        ]

    def _run(self, pixels: list[InputArray]) -> list[FloatArray | AndonError]:
        """Run a batch; where it fails as a whole, run each image alone, so that only the guilty one errs."""
        if not pixels:
            return []
        if len({image.shape for image in pixels}) > 1:
            return [output for image in pixels for output in self._run([image])]
        try:
            raw_outputs = self._session.run(np.stack(pixels))
        except RuntimeFault as error:
            if len(pixels) == 1:
                return [error]
            return [output for image in pixels for output in self._run([image])]
        wanted = (len(pixels), *(self.manifest.output.shape or raw_outputs.shape[1:]))
        if not fits_shape(raw_outputs.shape, wanted):
            message = f"the model answers with the shape {raw_outputs.shape}, expected {wanted}"
            return [RuntimeFault(message, code="runtime.output")] * len(pixels)
        return list(raw_outputs)

    def _predict_one(self, output: FloatArray | AndonError, timings_ms: dict[str, float]) -> Prediction:
        if isinstance(output, AndonError):
            return failed_prediction(output, timings_ms)
        if not np.isfinite(output).all():
            fault = RuntimeFault("the model answers with numbers that are not finite", code="runtime.output")
            return failed_prediction(fault, timings_ms)
        started = time.perf_counter()
        try:
            finished = self._steps.finish(output)
        except RuntimeFault as error:
            return failed_prediction(error, timings_ms)
        # Scores so near to 1 that they became equal are still told apart by the raw outputs.
        index = int((finished if self.manifest.output.finish else output).argmax())
        scores = tuple(finished.tolist())
        verdict, reasons = decide(scores, self.labels, self.manifest.decision, best=index)
        timings_ms["finish"] = (time.perf_counter() - started) * 1e3
        return Prediction(
            label=self.labels[index],
            index=index,
            score=scores[index],
            scores=scores,
            verdict=verdict,
            reasons=reasons,
            timings_ms=timings_ms,
            device=self.device,
        )


def failed_prediction(error: AndonError, timings_ms: dict[str, float] | None = None) -> Prediction:
    """Give the prediction of an image that cannot be used: `NotDecidable`, with the error as the reason."""
    return failed(Failure(code=error.code, message=error.message, hint=error.hint), timings_ms)
