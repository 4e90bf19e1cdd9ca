"""
Which executions of a bundle to try, and in which order: pure policy.

It is told what is asked for, what is installed and whether the bundle is trusted.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from andon.bundle.json_text import quoted
from andon.bundle.manifest import Artifact, Execution, Manifest, Precision, Tolerance
from andon.errors import AndonError, RuntimeFault, TrustError
from andon.runtimes.registry import RUNTIMES, get_runtime, is_installed
from andon.settings.devices import kind_of

# A bf16 has 8 bits, and its errors add up over the layers. OpenVINO 2026.4.1 on a Xeon with AMX, 2026-11-25, furthest
# from fp32: 3 layers 0.007; a ResNet-18 0.06; EfficientNet-Lite0 0.15 on photos and golden samples, 0.27 on steel that
# it does not know. The same network in PyTorch's own bf16 is as far off, so it is the precision and not the library.
_TOLERANCES: dict[Precision, Tolerance] = {"fp32": Tolerance(), "bf16": Tolerance(relative=0.2)}
"""Of an execution that the bundle does not list; for int8 it is that of an execution that it lists."""
_TRUST_HINT = (
    "`andon inspect` says what would run; if you trust its author, load with trust=True, or --trust on the command line"
)


class Request(Struct, frozen=True, kw_only=True):
    """What a caller asks of an execution; None for any."""

    runtime: str | None = None
    precision: Precision | None = None
    device: str = "cpu"
    """`cpu`, `cuda` or `cuda:N`."""
    trust: bool = False
    """Whether code of the author's may run."""

    @property
    def device_kind(self) -> str:
        """The device without its number; a UsageError where there is no such device."""
        return kind_of(self.device)

    @property
    def asks_nothing(self) -> bool:
        """Whether any execution will do, on the CPU."""
        return (self.runtime, self.precision, self.device) == (None, None, "cpu")

    def __str__(self) -> str:
        return " ".join(word for word in (self.runtime or "any installed runtime", self.precision, self.device) if word)


class PassedOver(Struct, frozen=True, kw_only=True):
    """An execution of a bundle that stands before the one in use, or that could not be tried."""

    execution: Execution
    code: str
    """The code of the error that says why, as in the reference of errors."""
    reason: str
    """Its message."""


def choose_executions(manifest: Manifest, request: Request) -> list[Execution]:
    """
    List the executions that fit a request, best first.

    They are those of the bundle in its order; where none of these fits, whatever a runtime can run
    of its artifacts. `null`, which proves nothing, is among them only where it is asked for.

    Raises:
        RuntimeFault: `runtime.none`, or `runtime.unknown` for a runtime of no known name.
        TrustError: `bundle.trust`: what fits would run code, and that is not allowed.
        EnvironmentFault: `environment.extra`: the runtime that was asked for is not installed.
    """
    if request.runtime is not None:
        get_runtime(request.runtime).require_installed()
    listed = [execution for execution in manifest.executions if _fits(execution, request)]
    fitting = listed or list(_possible(manifest, request))
    if not fitting:
        offered = ", ".join(f"{e.runtime} {e.precision} {e.device}" for e in manifest.executions)
        raise RuntimeFault(f"no execution fits: asked for {request}, the bundle has {offered}", code="runtime.none")
    return _trusted(manifest, fitting, request)


def left_out(manifest: Manifest, request: Request) -> Iterator[PassedOver]:
    """Give the listed executions that are as asked for and are not tried: nothing here runs them, or nobody trusts."""
    for execution in manifest.executions:
        obstacle = _obstacle(manifest, execution, request) if _is_as_asked(execution, request) else None
        if obstacle is not None:
            yield PassedOver(execution=execution, code=obstacle.code, reason=obstacle.message)


def _obstacle(manifest: Manifest, execution: Execution, request: Request) -> AndonError | None:
    try:
        get_runtime(execution.runtime).require_installed()
    except AndonError as error:
        return error
    artifact = manifest.artifact(execution.artifact)
    return _untrusted_formats([artifact]) if artifact.needs_trust and not request.trust else None


def _is_as_asked(execution: Execution, request: Request) -> bool:
    """Ask whether an execution is of the runtime, precision and device that are asked for; `null` only by name."""
    return (
        execution.runtime == (request.runtime or execution.runtime)
        and execution.precision == (request.precision or execution.precision)
        and execution.device == request.device_kind
        and (execution.runtime != "null" or request.runtime == "null")
    )


def _fits(execution: Execution, request: Request) -> bool:
    return _is_as_asked(execution, request) and _may_run(execution.runtime, request)


def _may_run(runtime: str, request: Request) -> bool:
    """Ask whether a runtime is the one that is asked for, or one that is here and proves something."""
    return runtime == request.runtime or (request.runtime is None and runtime != "null" and is_installed(runtime))


def _possible(manifest: Manifest, request: Request) -> Iterator[Execution]:
    """Give what the runtimes could do with the artifacts, though the bundle does not list it."""
    precision: Precision = request.precision or "fp32"
    for artifact in manifest.artifacts:
        for runtime in RUNTIMES.values():
            is_right_form = (artifact.name in manifest.quantised) == (precision == "int8")
            can_run = is_right_form and artifact.format in runtime.formats and precision in runtime.precisions
            if can_run and request.device_kind in runtime.devices and _may_run(runtime.name, request):
                yield Execution(
                    artifact=artifact.name,
                    runtime=runtime.name,
                    precision=precision,
                    device="cuda" if request.device_kind == "cuda" else "cpu",
                    tolerance=_TOLERANCES.get(precision) or _accepted(manifest, artifact.name),
                )


def _accepted(manifest: Manifest, artifact: str) -> Tolerance:
    """Give the tolerance that was accepted for an artifact when it was quantised."""
    return next(execution.tolerance for execution in manifest.executions if execution.artifact == artifact)


def _trusted(manifest: Manifest, executions: list[Execution], request: Request) -> list[Execution]:
    """Leave out what needs trust and does not have it; `null` reads nothing, and so never does."""
    if request.trust or request.runtime == "null":
        return executions
    require_no_own_code(manifest)
    safe = [execution for execution in executions if not manifest.artifact(execution.artifact).needs_trust]
    if not safe:
        raise _untrusted_formats([manifest.artifact(execution.artifact) for execution in executions])
    return safe


def require_no_own_code(manifest: Manifest) -> None:
    """
    Refuse a bundle that is not trusted, and whose every execution runs code of its author's.

    Raises:
        TrustError: `bundle.trust`, naming the code.
    """
    if manifest.own_code:
        raise TrustError(
            f"the bundle runs code of its author's: {', '.join(map(quoted, manifest.own_code))}",
            code="bundle.trust",
            hint=_TRUST_HINT,
        )


def _untrusted_formats(artifacts: Sequence[Artifact]) -> TrustError:
    formats = sorted({artifact.format for artifact in artifacts})
    return TrustError(
        f"loading an artifact of the format {' or '.join(formats)} can run code of its author's",
        code="bundle.trust",
        hint=_TRUST_HINT,
    )
