"""A bundle becomes a loaded model: an execution is chosen, opened, and held to its golden samples."""

import logging
import os
from collections.abc import Mapping, Sequence

from andon.bundle.archive import Bundle, read_bundle
from andon.bundle.golden import decode_golden
from andon.bundle.manifest import Artifact, Execution, Manifest, Precision
from andon.errors import AndonError, EnvironmentFault, ProofError, RuntimeFault, UsageError
from andon.machine import available_cores
from andon.model.canary import choose_canary
from andon.model.choose import PassedOver, Request, choose_executions, left_out
from andon.model.model import Model, Opened
from andon.model.prove import Proof, Stage, prove
from andon.model.steps import Steps, load_steps
from andon.runtimes.base import Runtime, SessionOptions
from andon.runtimes.registry import get_runtime
from andon.settings.devices import parse_device

logger = logging.getLogger("andon")


def load(
    path: str | os.PathLike[str],
    *,
    runtime: str | None = None,
    precision: Precision | None = None,
    device: str = "cpu",
    threads: int | None = None,
    trust: bool = False,
) -> Model:
    """
    Load a bundle, and prove that it answers here as its author's model did.

    Executions are tried in the order of the bundle; one that cannot run, or does not hold its
    proof, is passed over with a warning in the log `andon`, and stands in `passed_over`.

    Args:
        path: A `.andon` file or a bundle folder.
        runtime: Use only this runtime; it need not be listed in the bundle if it can run one of
            its artifacts. `null` answers zeros and proves nothing.
        precision: Use only executions of this precision.
        device: Where to run: `cpu`, or `cuda:N` for one of the cards, of which `cuda` is the first.
            It is never another one than was asked for.
        threads: Compute threads, 1 or more; None for one a core. With 1 everything runs in the
            calling thread. Where several threads call one model at once, onnxruntime lets them run
            side by side, and openvino one after the other.
        trust: Load artifacts that can execute code, which `.pt2`, TorchScript and eager models can
            and ONNX cannot, and run the author's own `prepare` and `finish`.

    Raises:
        BundleError: The file is not a sound bundle; nothing of it was loaded.
        RuntimeFault: `runtime.none`: no execution fits; `runtime.load`: none of them loads.
        TrustError: `bundle.trust`: it would run code of its author's, and `trust` is false.
        ProofError: `proof.failed`: executions run, and none reproduces the golden samples.
        EnvironmentFault: The runtime, the device or the author's code that is needed is not here.
        UsageError: `usage.argument`: threads is below 1, or there is no such device.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}, expected 1 or more", code="usage.argument")
    request = Request(runtime=runtime, precision=precision, device=parse_device(device), trust=trust)
    return load_bundle(read_bundle(path), request, threads=threads or available_cores())


def load_bundle(bundle: Bundle, request: Request, *, threads: int, callers: int = 1) -> Model:
    """
    Load a bundle that was read, as `load` does; several times, to have it on several devices.

    Args:
        bundle: Its members.
        request: What is asked of the execution; its device is `cpu` or `cuda:N`.
        threads: Compute threads of one image or batch, 1 or more.
        callers: Threads that will ask the model at once, 1 or more.

    Raises:
        AndonError: As `load`, but for what reading finds.
    """
    executions = choose_executions(bundle.manifest, request)
    options = SessionOptions(
        output_shape=bundle.manifest.output.shape, threads=threads, callers=callers, device=request.device
    )
    proves = request.runtime != "null"
    steps = (
        load_steps(bundle.manifest.input, bundle.manifest.output)
        if proves
        else Steps(bundle.manifest.input, bundle.manifest.output)
    )
    opened, failures = _first_that_holds(bundle, executions, steps, options)
    passed_over = _passed_over(bundle.manifest, request, opened.execution, failures)
    _tell(bundle, opened.execution, passed_over)
    model = Model(
        bundle.manifest, bundle.digest, opened, threads=threads, device=request.device, passed_over=passed_over
    )
    model.canary = choose_canary(decode_golden(bundle), opened.execution, bundle.manifest, steps)
    return model


def _first_that_holds(
    bundle: Bundle, executions: Sequence[Execution], steps: Steps, options: SessionOptions
) -> tuple[Opened, list[PassedOver]]:
    """Open executions until one proves itself; else raise the proof that failed, or the first fault."""
    failures: list[tuple[Execution, AndonError]] = []
    for execution in executions:
        try:
            opened = open_and_prove(bundle, execution, steps, options)
        except (RuntimeFault, EnvironmentFault) as error:
            failures.append((execution, error))
            continue
        if opened.proof is None or opened.proof.holds:
            return opened, [
                PassedOver(execution=each, code=error.code, reason=error.message) for each, error in failures
            ]
        failures.append((execution, proof_error(bundle, execution, opened.proof)))
    errors = [error for _, error in failures]
    raise next((error for error in errors if isinstance(error, ProofError)), errors[0])


def _passed_over(
    manifest: Manifest, request: Request, used: Execution, failures: Sequence[PassedOver]
) -> tuple[PassedOver, ...]:
    """Give what stands before the execution in use, in the order of the bundle, and why it is not in use."""
    listed = manifest.executions
    before = listed[: listed.index(used)] if used in listed else listed
    not_tried = [each for each in left_out(manifest, request) if each.execution in before]
    return tuple(
        sorted(
            [*not_tried, *failures],
            key=lambda each: listed.index(each.execution) if each.execution in listed else len(listed),
        )
    )


def _tell(bundle: Bundle, used: Execution, passed_over: Sequence[PassedOver]) -> None:
    for each in passed_over:
        logger.warning(
            "%s: using %s %s, passed over %s %s: %s",
            bundle.where,
            used.runtime,
            used.precision,
            each.execution.runtime,
            each.execution.precision,
            each.reason,
        )


def open_and_prove(bundle: Bundle, execution: Execution, steps: Steps, options: SessionOptions) -> Opened:
    """
    Open one execution of a bundle and reproduce the golden samples with it.

    Returns:
        What was opened, with a proof that may not hold.

    Raises:
        RuntimeFault: `runtime.load`, also where the runtime is not one for such an execution, or `runtime.unknown`.
        BundleError: `bundle.golden`.
    """
    proves = execution.runtime != "null"
    samples = decode_golden(bundle) if proves else []
    artifact = bundle.manifest.artifact(execution.artifact)
    runtime = get_runtime(execution.runtime)
    _require_able(runtime, artifact, execution)
    session = runtime.open(artifact, bundle.members[artifact.path], execution, options)
    proof = prove(samples, steps, session, execution.tolerance) if proves else None
    return Opened(execution=execution, session=session, steps=steps, proof=proof)


def _require_able(runtime: Runtime, artifact: Artifact, execution: Execution) -> None:
    """Refuse an execution that the manifest may list, and that no version of this runtime could run."""
    for what, wanted, offered in (
        ("artifacts of the format", artifact.format, runtime.formats),
        ("the precision", execution.precision, runtime.precisions),
    ):
        if wanted not in offered:
            raise RuntimeFault(
                f"the runtime {runtime.name} does not run {what} {wanted}, only {', '.join(sorted(offered))}",
                code="runtime.load",
                where=artifact.path,
            )


_STAGE_HINTS: Mapping[Stage, str] = {
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
        hint=_hint(bundle.manifest, first.stage),
    )


def _hint(manifest: Manifest, stage: Stage) -> str:
    own = manifest.output.finish if stage == "finished" else manifest.input.prepare
    if own is not None and stage in ("pixels", "model input", "finished"):
        made = manifest.provenance.created_by
        return f"{own}, or what it uses, is not installed in the version that the bundle was packed with: {made}"
    return _STAGE_HINTS[stage]
