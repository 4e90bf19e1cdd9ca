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

from andon.bundle.archive import Bundle, read_bundle
from andon.bundle.golden import decode_golden
from andon.bundle.manifest import Execution, Manifest
from andon.decide import decide
from andon.errors import AndonError, EnvironmentFault, ImageError, ProofError, RuntimeFault, UsageError
from andon.model.ahead import Source, work_ahead
from andon.model.canary import Canary, choose_canary
from andon.model.prove import Proof, prove
from andon.predictions import Failure, Prediction, failed
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.registry import get_runtime, is_installed
from andon.settings.limits import DEFAULT_LIMITS
from andon.tensors import FloatArray, UInt8Array
from andon.vision.decode import ImageSource, decode
from andon.vision.finish import activate
from andon.vision.prepare import prepare

logger = logging.getLogger("andon")

DEFAULT_BATCH_SIZE = 8
"""Images that `predict_many` hands to the runtime at once."""


class _Decoded(Struct, frozen=True):
    """A decoded image, or the reason why there is none."""

    picture: Image.Image | ImageError
    decode_ms: float


class _Prepared(Struct, frozen=True):
    """One image on its way: pixels (H, W, C) or the reason why there are none, and the time it took."""

    pixels: UInt8Array | ImageError
    timings_ms: dict[str, float]


class Model:
    """
    One loaded model; may be used from several threads at once.

    Made by `load`, which proves it first.
    """

    def __init__(
        self,
        manifest: Manifest,
        digest: str,
        execution: Execution,
        session: Session,
        proof: Proof | None,
        *,
        threads: int = 1,
    ) -> None:
        self.manifest = manifest
        """The whole of `bundle.json`."""
        self.digest = digest
        """SHA-256 of `bundle.json`, 64 hex digits."""
        self.execution = execution
        """The artifact, runtime, precision and device in use."""
        self.proof = proof
        """What came of the golden samples; None for the runtime `null`, which has nothing to prove."""
        self.limits = DEFAULT_LIMITS
        """Bounds on images; set another `Limits` to change them."""
        self.canary: Canary | None = None
        """A golden sample to ask a running model again and again; None where there is none."""
        self._session = session
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
        return f"<andon.Model {self.name}:{self.version} on {self.execution.runtime} {self.execution.device}>"

    def predict(self, image: ImageSource) -> Prediction:
        """
        Predict one image, in the calling thread.

        Args:
            image: A path, encoded JPEG or PNG bytes, an array uint8 (H, W, 3) in RGB order or
                (H, W), or a Pillow image.

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
            picture = decode(image, self.manifest.input, self.limits)
        except ImageError as error:
            picture = error
        return _Decoded(picture, (time.perf_counter() - started) * 1e3)

    def _prepare(self, decoded: _Decoded) -> _Prepared:
        """Prepare one image; its error is kept for its prediction."""
        started = time.perf_counter()
        pixels: UInt8Array | ImageError
        try:
            pixels = self._prepared_pixels(decoded.picture)
        except ImageError as error:
            pixels = error
        prepare_ms = (time.perf_counter() - started) * 1e3
        return _Prepared(pixels, {"decode": decoded.decode_ms, "prepare": prepare_ms})

    def _prepared_pixels(self, picture: Image.Image | ImageError) -> UInt8Array:
        if isinstance(picture, ImageError):
            raise picture
        pixels = prepare(picture, self.manifest.input)
        wanted = self._session.input_shape
        if wanted is not None and pixels.shape != wanted:
            raise ImageError(
                f"the image is {pixels.shape[1]} x {pixels.shape[0]} pixels after preparing, "
                f"the model takes {wanted[1]} x {wanted[0]}",
                code="image.shape",
            )
        return pixels

    def _finish_batch(self, batch: Sequence[_Prepared]) -> list[Prediction]:
        started = time.perf_counter()
        outputs = iter(self._run([item.pixels for item in batch if not isinstance(item.pixels, ImageError)]))
        infer_ms = (time.perf_counter() - started) * 1e3
        return [
            failed_prediction(item.pixels, item.timings_ms)
            if isinstance(item.pixels, ImageError)
            else self._predict_one(next(outputs), {**item.timings_ms, "infer": infer_ms})
            for item in batch
        ]

    def _run(self, pixels: list[UInt8Array]) -> list[FloatArray | AndonError]:
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
        if raw_outputs.shape != (len(pixels), len(self.labels)):
            message = (
                f"the model answers with the shape {raw_outputs.shape}, expected {(len(pixels), len(self.labels))}"
            )
            return [RuntimeFault(message, code="runtime.output")] * len(pixels)
        return list(raw_outputs)

    def _predict_one(self, output: FloatArray | AndonError, timings_ms: dict[str, float]) -> Prediction:
        if isinstance(output, AndonError):
            return failed_prediction(output, timings_ms)
        if not np.isfinite(output).all():
            fault = RuntimeFault("the model answers with numbers that are not finite", code="runtime.output")
            return failed_prediction(fault, timings_ms)
        started = time.perf_counter()
        scores = tuple(activate(output[np.newaxis], self.manifest.output)[0].tolist())
        index = int(output.argmax())
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
        )


def failed_prediction(error: AndonError, timings_ms: dict[str, float] | None = None) -> Prediction:
    """Give the prediction of an image that cannot be used: `NotDecidable`, with the error as the reason."""
    return failed(Failure(code=error.code, message=error.message, hint=error.hint), timings_ms)


def available_cores() -> int:
    """Count the cores that this process may run on, 1 or more."""
    return len(os.sched_getaffinity(0))


def load(
    path: str | os.PathLike[str],
    *,
    runtime: str | None = None,
    precision: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    trust: bool = False,  # noqa: ARG001 -- part of the contract; ONNX never needs it
) -> Model:
    """
    Load a bundle, and prove that it answers here as its author's model did.

    Executions are tried in the order of the bundle; one that cannot run or does not hold its
    proof is passed over with a warning in the log `andon`.

    Args:
        path: A `.andon` file or a bundle folder.
        runtime: Use only this runtime; it need not be listed in the bundle if it can run one of
            its artifacts. `null` answers zeros and proves nothing.
        precision: Use only executions of this precision.
        device: Where to run.
        threads: Compute threads, 1 or more; None for one a core. With 1 everything runs in the
            calling thread.
        trust: Load artifacts that can execute code. ONNX cannot, and is all that a bundle of
            format 1 holds today.

    Raises:
        BundleError: The file is not a sound bundle; nothing of it was loaded.
        RuntimeFault: `runtime.none`: no execution fits; `runtime.load`: none of them loads.
        ProofError: `proof.failed`: executions run, and none reproduces the golden samples.
        EnvironmentFault: The runtime that was asked for is not installed.
        UsageError: `usage.argument`: threads is below 1.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}, expected 1 or more", code="usage.argument")
    bundle = read_bundle(path)
    executions = choose_executions(bundle.manifest, runtime, precision, device)
    options = SessionOptions(classes=len(bundle.manifest.output.labels), threads=threads or available_cores())
    failures: list[AndonError] = []
    for execution in executions:
        try:
            session, proof = open_and_prove(bundle, execution, options)
        except (RuntimeFault, EnvironmentFault) as error:
            failures.append(error)
            continue
        if proof is None or proof.holds:
            for failure in failures:
                logger.warning("%s: passed over for %s: %s", bundle.where, execution.runtime, failure.message)
            model = Model(bundle.manifest, bundle.digest, execution, session, proof, threads=options.threads)
            model.canary = choose_canary(decode_golden(bundle), execution)
            return model
        failures.append(proof_error(bundle, execution, proof))
    raise next((failure for failure in failures if isinstance(failure, ProofError)), failures[0])


def choose_executions(manifest: Manifest, runtime: str | None, precision: str | None, device: str) -> list[Execution]:
    """
    List the executions that fit a request, best first.

    `null`, which proves nothing, is among them only where it is asked for.

    Raises:
        RuntimeFault: `runtime.none`, or `runtime.unknown` for a runtime of no known name.
        EnvironmentFault: `environment.extra`: the runtime that was asked for is not installed.
    """
    if runtime is not None:
        get_runtime(runtime).require_installed()
    fitting = [
        execution
        for execution in manifest.executions
        if execution.runtime == (runtime or execution.runtime)
        and execution.precision == (precision or execution.precision)
        and execution.device == device
    ]
    if not fitting and runtime is not None and precision in (None, "fp32") and device == "cpu":
        formats = get_runtime(runtime).formats
        fitting = [Execution(artifact=a.name, runtime=runtime) for a in manifest.artifacts if a.format in formats]
    if runtime is None:
        fitting = [e for e in fitting if e.runtime != "null" and is_installed(e.runtime)]
    if not fitting:
        offered = ", ".join(f"{e.runtime} {e.precision} {e.device}" for e in manifest.executions)
        asked = " ".join(word for word in (runtime or "any installed runtime", precision, device) if word)
        raise RuntimeFault(f"no execution fits: asked for {asked}, the bundle has {offered}", code="runtime.none")
    return fitting


def open_and_prove(bundle: Bundle, execution: Execution, options: SessionOptions) -> tuple[Session, Proof | None]:
    """
    Open one execution of a bundle and reproduce the golden samples with it.

    Returns:
        The session, and the proof, which may not hold; None in its place for the runtime `null`.

    Raises:
        RuntimeFault: `runtime.load` or `runtime.unknown`.
        BundleError: `bundle.golden`.
    """
    proves = execution.runtime != "null"
    samples = decode_golden(bundle) if proves else []
    artifact = bundle.manifest.artifact(execution.artifact)
    session = get_runtime(execution.runtime).open(artifact, bundle.members[artifact.path], execution, options)
    return session, prove(samples, bundle.manifest.input, session, execution.tolerance) if proves else None


_STAGE_HINTS = {
    "pixels": "the preparation differs: `input` of the manifest, or another version of Pillow",
    "model input": "scale, mean or std of the manifest are not those of the author's transform",
    "raw output": "the graph or its weights are not those that were packed, or this runtime computes otherwise",
    "label": "small differences of the stages before add up to another answer",
}


def proof_error(bundle: Bundle, execution: Execution, proof: Proof) -> ProofError:
    """Make the error for a proof that does not hold, from its first finding."""
    first = proof.findings[0]
    others = f" ({len(proof.findings) - 1} more findings)" if len(proof.findings) > 1 else ""
    return ProofError(
        f"the golden samples are not reproduced by {execution.runtime} {execution.precision}; "
        f"stage {first.stage}: {first.message}{others}",
        code="proof.failed",
        where=f"{bundle.where} › {first.sample}",
        hint=_STAGE_HINTS[first.stage],
    )
