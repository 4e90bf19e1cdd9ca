"""One loaded bundle: decode, prepare, run, finish, decide. What a notebook and every worker use."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace
from PIL import Image

from andon.bundle.manifest import Execution, Manifest
from andon.errors import AndonError, EngineError, ImageError, RuntimeFault, UsageError
from andon.model.ahead import Source, work_ahead
from andon.model.batch import Graph, prepared_size
from andon.model.canary import Canary
from andon.model.choose import PassedOver
from andon.model.failed import failed_prediction
from andon.model.part import Part
from andon.model.prove import Proof
from andon.model.readers import reader_for
from andon.model.steps import Steps
from andon.model.tiled import plan_tiles, predict_tiles
from andon.predictions import Prediction
from andon.runtimes.base import Session
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.tensors import FloatArray, InputArray
from andon.vision.decode import ImageSource
from andon.vision.geometry import Window, region_of

DEFAULT_BATCH_SIZE = 8
"""Images that `predict_many` hands to the runtime at once."""


Decoder = Callable[[ImageSource, Limits], Image.Image]


class _Decoded(Struct, frozen=True):
    """A decoded image, or the reason why there is none."""

    picture: Image.Image | ImageError
    timings_ms: dict[str, float]


class _Whole(Struct, frozen=True):
    """An image that is run as one: its prepared pixels, and what is looked at of it."""

    pixels: InputArray
    region: Window


class Prepared(Struct, frozen=True):
    """One image on its way: prepared, or the reason why it is not, and the time it took."""

    image: _Whole | AndonError
    timings_ms: dict[str, float]

    @property
    def error(self) -> AndonError | None:
        """Why it is not prepared; None where it is."""
        return self.image if isinstance(self.image, AndonError) else None


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
        passed_over: tuple[PassedOver, ...] = (),
    ) -> None:
        self.manifest = manifest
        """The whole of `bundle.json`."""
        self.digest = digest
        """SHA-256 of `bundle.json`, 64 hex digits."""
        self.execution = opened.execution
        """The artifact, runtime, precision and device in use."""
        self.proof = opened.proof
        """What came of the golden samples; None for the runtime `null`, which has nothing to prove."""
        self.passed_over = passed_over
        """Executions of the bundle that come before the one in use, and why they are not."""
        self.device = device
        """Where it computes: `cpu` or `cuda:N`."""
        self.limits = DEFAULT_LIMITS
        """Bounds on images; set another `Limits` to change them."""
        self.canary: Canary | None = None
        """A golden sample to ask a running model again and again; None where there is none."""
        self._steps = opened.steps
        self._graph = Graph(opened.session, opened.steps)
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
        Predict one image, in the calling thread; of tiles the next are prepared meanwhile in others, if it has some.

        Args:
            image: A path or the bytes of an image file, an array uint8 (H, W, 3) in RGB order, uint8
                or uint16 (H, W) of grey, or a Pillow image.

        Returns:
            The prediction. An image that cannot be used does not raise: its prediction has
            `error` set, no label, and the verdict `NotDecidable`.
        """
        return self.predict_while(image, _always)

    def predict_while(self, image: ImageSource, is_wanted: Callable[[], bool]) -> Prediction:
        """
        Predict one image as `predict` does, and stop early where its answer has become useless.

        Args:
            image: As `predict` takes it.
            is_wanted: Asked before each batch of tiles, in the calling thread. Where it says no, the
                prediction has the error `engine.deadline`. An image that is run as one is not stopped.
        """
        decoded = self._decode(image)
        if self.manifest.input.tiles is not None:
            return self._predict_tiles(decoded, DEFAULT_BATCH_SIZE, is_wanted)
        return self.predict_prepared([self._prepare(decoded)])[0]

    def predict_sample(self, encoded: bytes) -> Prediction:
        """Predict a golden sample, such as the canary: it is one tile where images are cut up, and has no region."""
        return self.predict_prepared([self.prepare_sample(encoded)])[0]

    def prepare(self, image: ImageSource, limits: Limits | None = None) -> Prepared:
        """
        Do the first half of `predict`, for an image that is run as one: decode and prepare it.

        Args:
            image: As `predict` takes it.
            limits: Bounds on it, in place of the model's own.
        """
        return self._prepare(self._decode(image, limits=limits))

    def prepare_sample(self, encoded: bytes) -> Prepared:
        """Do the first half of `predict_sample`."""
        return self._prepare(self._decode(encoded, self._steps.decode_sample))

    def predict_many(
        self, images: Iterable[ImageSource], *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Iterator[Prediction]:
        """
        Predict many images in order, lazily: decoding runs ahead of the model by one batch.

        Args:
            images: As `predict` takes them; read as they are needed, so they may be endless. An
                array may be used for the next image, and a Pillow image closed, once the next is
                asked for. With one thread nothing is read ahead.
            batch_size: Images handed to the runtime at once, 1 or more. Images that are cut into
                tiles come one after the other, and it counts the tiles.

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
        if self.manifest.input.tiles is not None:
            return self._predict_cut_up(Source(images), batch_size)
        return self._predict_batches(Source(images), batch_size)

    def _predict_batches(self, images: Source[ImageSource], batch_size: int) -> Iterator[Prediction]:
        with closing(work_ahead(images, self._begin, ahead=batch_size, threads=self._threads)) as prepared:
            while batch := list(islice(prepared, batch_size)):
                yield from self.predict_prepared(batch)
        if images.error is not None:
            raise images.error

    def _predict_cut_up(self, images: Source[ImageSource], batch_size: int) -> Iterator[Prediction]:
        """Predict one image after the other, each in batches of tiles; the next one is decoded meanwhile."""
        with closing(work_ahead(images, self._begin_decoding, ahead=1, threads=self._threads)) as decoded:
            for image in decoded:
                yield self._predict_tiles(image, batch_size, _always)
        if images.error is not None:
            raise images.error

    def _begin(self, image: ImageSource) -> Callable[[], Prepared]:
        """Decode now what the caller may take back, and give the rest of the work."""
        decode = self._begin_decoding(image)
        return lambda: self._prepare(decode())

    def _begin_decoding(self, image: ImageSource) -> Callable[[], _Decoded]:
        if isinstance(image, str | os.PathLike | bytes):
            return lambda: self._decode(image)
        decoded = self._decode(image)
        return lambda: decoded

    def _decode(self, image: ImageSource, decode: Decoder | None = None, limits: Limits | None = None) -> _Decoded:
        """Decode one image; its error is kept for its prediction."""
        started = time.perf_counter()
        picture: Image.Image | ImageError
        try:
            picture = (decode or self._steps.decode)(image, limits or self.limits)
        except ImageError as error:
            picture = error
        return _Decoded(picture, {"decode": (time.perf_counter() - started) * 1e3})

    def _prepare(self, decoded: _Decoded) -> Prepared:
        """Prepare one image; its error is kept for its prediction."""
        if isinstance(decoded.picture, ImageError):
            return Prepared(decoded.picture, decoded.timings_ms)
        started = time.perf_counter()
        image: _Whole | AndonError
        try:
            pixels = self._graph.prepare(decoded.picture)
            image = _Whole(pixels, region_of(decoded.picture.size, self.manifest.input.roi))
        except (ImageError, RuntimeFault) as error:
            image = error
        return Prepared(image, {**decoded.timings_ms, "prepare": (time.perf_counter() - started) * 1e3})

    def predict_prepared(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """
        Do the second half of `predict` for several images, in the calling thread: run, finish and decide.

        Returns:
            A prediction each, in their order; one that is not prepared has its error.
        """
        started = time.perf_counter()
        images = [item.image.pixels for item in batch if isinstance(item.image, _Whole)]
        raw_outputs = iter(self._graph.run(images))
        infer_ms = (time.perf_counter() - started) * 1e3
        return [
            self._read(item.image, next(raw_outputs), {**item.timings_ms, "infer": infer_ms})
            if isinstance(item.image, _Whole)
            else failed_prediction(item.image, item.timings_ms)
            for item in batch
        ]

    def _read(self, image: _Whole, raw_output: FloatArray | AndonError, timings_ms: dict[str, float]) -> Prediction:
        """Make the answer for an image that was run as one."""
        if isinstance(raw_output, AndonError):
            return failed_prediction(raw_output, timings_ms)
        started = time.perf_counter()
        try:
            finished, best = self._graph.finish(raw_output)
        except RuntimeFault as error:
            return failed_prediction(error, timings_ms)
        reader = reader_for(self.manifest, image.region)
        size = prepared_size(image.pixels)
        reader.add(Part(window=image.region, prepared=size, finished=finished, best=best))
        prediction = reader.prediction()
        timings_ms["finish"] = (time.perf_counter() - started) * 1e3
        return replace(prediction, timings_ms=timings_ms, device=self.device)

    def _predict_tiles(self, decoded: _Decoded, batch_size: int, is_wanted: Callable[[], bool]) -> Prediction:
        """Make the answer for an image that is cut into tiles."""
        if isinstance(decoded.picture, ImageError):
            return failed_prediction(decoded.picture, decoded.timings_ms)
        timings_ms = dict(decoded.timings_ms)
        try:
            plan = plan_tiles(
                decoded.picture.size,
                self.manifest.input,
                max_tiles=self.limits.max_tiles,
                batch_size=batch_size,
                threads=self._threads,
            )
            reader = reader_for(self.manifest, plan.region)
            prediction = predict_tiles(decoded.picture, plan, self._graph, reader, timings_ms, is_wanted)
            return replace(prediction, device=self.device)
        except (EngineError, ImageError, RuntimeFault) as error:
            return failed_prediction(error, timings_ms)


def _always() -> bool:
    return True
