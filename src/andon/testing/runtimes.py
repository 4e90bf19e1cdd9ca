"""
The contract of a runtime, as checks that run on any of them.

Each check is one sentence of `andon.runtimes.base`. It knows nothing of pytest: a check that fails
raises AssertionError, and says what was expected.
"""

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from andon.bundle.manifest import Artifact, Execution
from andon.errors import EnvironmentFault, RuntimeFault
from andon.runtimes.base import Runtime, Session, SessionOptions
from andon.tensors import FloatArray, InputArray, relative_difference

_PARALLEL = 4
"""Threads that use one session at once."""
_MEASURED_S = 0.05
"""Processor time over which it is seen which threads work: long beside what threads of before take to end."""
_MAX_PRECISION_DIFFERENCE = 0.05
"""How far another precision may be from fp32 on a graph of few layers: bf16 has 8 bits."""


class Specimen(Struct, frozen=True, kw_only=True):
    """A sound artifact to check a runtime with."""

    artifact: Artifact
    data: bytes
    """What the artifact declares, a graph that is cheap to run."""
    execution: Execution
    shape: tuple[int, int, int]
    """One image as the graph takes it, in the artifact's layout."""
    output_shape: tuple[int, ...]
    """The raw outputs of one image."""
    reads: bool = True
    """False for a runtime like `null`, which never looks at the artifact: checks of damaged ones are left out."""


def check_runtime(runtime: Runtime, specimen: Specimen) -> None:
    """
    Check that a runtime keeps its contract.

    Args:
        runtime: The runtime, installed.
        specimen: An artifact of one of its formats.

    Raises:
        AssertionError: It does not; the message is the sentence that is broken. Where it fails
            instead of answering, its own error comes out.
        EnvironmentFault: The library of the runtime is not installed, so nothing was checked.
    """
    runtime.require_installed()
    for check in RUNTIME_CHECKS:
        check(runtime, specimen)


def check_description(runtime: Runtime, specimen: Specimen) -> None:
    """A runtime has a name, formats, precisions and devices, and says that it is installed."""
    _require(runtime.is_installed(), "require_installed() passes, so is_installed() is true")
    _require(runtime.name.isidentifier() and runtime.name.islower(), f"{runtime.name!r} is a name in small letters")
    for wanted, found, what in (
        (specimen.artifact.format, runtime.formats, "formats"),
        (specimen.execution.precision, runtime.precisions, "precisions"),
        (specimen.execution.device, runtime.devices, "devices"),
    ):
        _require(wanted in found, f"{wanted!r} is one of its {what}")


def check_answers(runtime: Runtime, specimen: Specimen) -> None:
    """A batch of any number of images gives raw outputs in float32 for each, and the same as one by one."""
    session = _open(runtime, specimen)
    _require(session.input_shape in (None, specimen.shape), f"input_shape is {specimen.shape}, or None for any size")
    images = _images(specimen, 5)
    alone = np.concatenate([session.run(images[index : index + 1]) for index in range(len(images))])
    for count in (1, 2, 5):
        found = session.run(images[:count])
        _require(found.dtype == np.float32, f"raw outputs are float32, not {found.dtype}")
        wanted = (count, *specimen.output_shape)
        _require(found.shape == wanted, f"{count} images give the shape {wanted}, not {found.shape}")
        _require(_are_close(found, alone[:count]), f"a batch of {count} gives what its images give one by one")


def check_independence(runtime: Runtime, specimen: Specimen) -> None:
    """Running changes neither the batch, which may be read-only, nor the answers that were given before."""
    session = _open(runtime, specimen)
    images = _images(specimen, 2)
    before = images.copy()
    images.flags.writeable = False
    first = session.run(images)
    kept = first.copy()
    session.run(np.ascontiguousarray(images[::-1]))
    _require(np.array_equal(images, before), "the batch is as it was")
    _require(np.array_equal(first, kept), "an answer stays as it is when the session runs again")
    _require(_are_close(session.run(images), kept), "the same batch gives the same answer again")


def check_threads_at_once(runtime: Runtime, specimen: Specimen) -> None:
    """Several threads may run one session at once, whether announced or not; each gets the answers to its images."""
    images = _images(specimen, 8 * _PARALLEL)
    for callers in (1, _PARALLEL):
        session = _open(runtime, specimen, callers=callers)
        wanted = [session.run(images[index : index + 1]) for index in range(len(images))]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = list(pool.map(lambda index, run=session.run: run(images[index : index + 1]), range(len(images))))
        _require(all(map(_are_close, found, wanted)), f"answers in several threads are those in one, callers={callers}")


def check_one_thread(runtime: Runtime, specimen: Specimen) -> None:
    """With one compute thread and one caller all work is done in the calling thread, and there are no others."""
    warm = _open(runtime, specimen)
    warm.run(_images(specimen, 1))
    before = _count_threads()  # those of the library itself are not the session's
    session = _open(runtime, specimen)
    batch = _images(specimen, 64)
    started_s, caller_s = time.process_time(), time.thread_time()
    while time.process_time() - started_s < _MEASURED_S:
        session.run(batch)
    process_s, caller_s = time.process_time() - started_s, time.thread_time() - caller_s
    _require(_count_threads() <= before, "a session of one thread starts no other")
    _require(caller_s > 0.5 * process_s, "with one thread the caller does the work")


def check_precisions(runtime: Runtime, specimen: Specimen) -> None:
    """Another precision answers nearly as fp32 does, or is `environment.device` where the processor has none."""
    images = _images(specimen, 3)
    wanted = _open(runtime, _with(specimen, precision="fp32")).run(images)
    for precision in sorted(runtime.precisions - {"fp32"}):
        try:
            found = _open(runtime, _with(specimen, precision=precision)).run(images)
        except EnvironmentFault as fault:
            _require(fault.code == "environment.device", f"{precision}: environment.device, not {fault.code}")
            continue
        difference = relative_difference(found, wanted)
        _require(
            difference < _MAX_PRECISION_DIFFERENCE,
            f"{precision} is within {_MAX_PRECISION_DIFFERENCE} (relative) of fp32, not {difference:.2g} away",
        )


def check_unknown_device(runtime: Runtime, specimen: Specimen) -> None:
    """A device that is not there is refused with `environment.device`; nothing is computed elsewhere."""
    if not specimen.reads:
        return
    try:
        _open(runtime, _with(specimen, device="cuda"), device="cuda:999")
    except EnvironmentFault as fault:
        _require(fault.code == "environment.device", f"cuda:999: environment.device, not {fault.code}")
    else:
        raise AssertionError("broken: cuda:999: EnvironmentFault environment.device, not a session")


def check_damaged_artifacts(runtime: Runtime, specimen: Specimen) -> None:
    """Bytes that are no artifact are refused with `runtime.load`, whatever the library thinks of them."""
    if not specimen.reads:
        return
    data = specimen.data
    for what, damaged in {
        "no bytes": b"",
        "half of the bytes": data[: len(data) // 2],
        "zeros": bytes(len(data)),
        "text": b"not a model\n" * 10,
        "noise": np.random.default_rng(0).bytes(len(data)),
    }.items():
        with _fault("runtime.load", f"{what} in place of the artifact"):
            _open(runtime, replace(specimen, data=damaged))


def check_pickle(runtime: Runtime, specimen: Specimen) -> None:
    """A pickle is refused with `runtime.load`, and nothing of it is executed."""
    if not specimen.reads:
        return
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "executed")
        with _fault("runtime.load", "a pickle in place of the artifact"):
            _open(runtime, replace(specimen, data=pickle.dumps(_Touch(trace))))
        _require(not trace.exists(), "nothing of a pickle is executed")


def check_wrong_images(runtime: Runtime, specimen: Specimen) -> None:
    """Images of another size or number of channels are refused with `runtime.run`, and the session stays usable."""
    session = _open(runtime, specimen)
    if session.input_shape is None:
        return
    images = _images(specimen, 2)
    wanted = session.run(images)
    for axis in range(3):
        shape = tuple(side + (number == axis) for number, side in enumerate(specimen.shape))
        with _fault("runtime.run", f"images of the shape {shape}"):
            session.run(np.zeros((2, *shape), images.dtype))
        _require(_are_close(session.run(images), wanted), f"after images of the shape {shape} the session is usable")


RUNTIME_CHECKS: tuple[Callable[[Runtime, Specimen], None], ...] = (
    check_description,
    check_answers,
    check_independence,
    check_threads_at_once,
    check_one_thread,
    check_precisions,
    check_unknown_device,
    check_damaged_artifacts,
    check_pickle,
    check_wrong_images,
)
"""Every check, to run them one by one; the docstring of each is its claim."""


def _with(specimen: Specimen, **fields: str) -> Specimen:
    """Change fields of the execution."""
    return replace(specimen, execution=replace(specimen.execution, **fields))


def _open(runtime: Runtime, specimen: Specimen, *, callers: int = 1, device: str = "cpu") -> Session:
    options = SessionOptions(output_shape=specimen.output_shape, threads=1, callers=callers, device=device)
    return runtime.open(specimen.artifact, specimen.data, specimen.execution, options)


def _images(specimen: Specimen, count: int) -> InputArray:
    """Make images that differ from each other, with the dtype and the layout of the artifact."""
    rng = np.random.default_rng(count)
    channels_last = specimen.artifact.layout == "NHWC"
    levels = rng.uniform(
        0, 0.8, (count, 1, 1, specimen.shape[2]) if channels_last else (count, specimen.shape[0], 1, 1)
    )
    ratios = levels + rng.uniform(0, 0.2, (count, *specimen.shape))
    if specimen.artifact.dtype == "float32":
        return (4 * ratios - 2).astype(np.float32)
    dtype = np.dtype(specimen.artifact.dtype)
    return (ratios * np.iinfo(dtype).max).astype(dtype)


def _are_close(found: FloatArray, wanted: FloatArray) -> bool:
    """Ask whether two answers agree as float32 of another order of summing does."""
    return relative_difference(found, wanted) < 1e-4


def _require(condition: bool, sentence: str) -> None:  # noqa: FBT001 -- reads as `assert`, which optimising removes
    if not condition:
        raise AssertionError(f"broken: {sentence}")


@contextmanager
def _fault(code: str, what: str) -> Iterator[None]:
    """Require that the block raises `RuntimeFault` with this code, and nothing else."""
    try:
        yield
    except RuntimeFault as fault:
        _require(fault.code == code, f"{what}: RuntimeFault {code}, not {fault.code}")
    except Exception as error:
        raise AssertionError(f"broken: {what}: RuntimeFault {code}, not {type(error).__name__}: {error}") from error
    else:
        raise AssertionError(f"broken: {what}: RuntimeFault {code}, not an answer")


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._path,))


def _count_threads() -> int:
    """Count the threads of this process that the operating system knows of."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())
