"""`andon check`: whether a bundle is sound, and every installed execution of it proven on this machine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from andon.cli.options import AsJson, BundlePath, DeviceName, PrecisionName, RuntimeName, Threads, Trust
from andon.cli.output import only_data_on_stdout, say, write_json, write_table
from andon.cli.progress import progress_bar
from andon.cli.words import count_in_words, difference_in_words
from andon.errors import AndonError, EnvironmentFault, ProofError, RuntimeFault

if TYPE_CHECKING:
    from andon.bundle.archive import Bundle
    from andon.bundle.manifest import Execution
    from andon.model.choose import Request
    from andon.model.prove import Proof
    from andon.model.steps import Steps
    from andon.runtimes.base import SessionOptions


class _Outcome(NamedTuple):
    """What came of one execution."""

    execution: "Execution"
    proof: "Proof | None"
    """None where it did not run, or has nothing to prove."""
    error: AndonError | None
    """Why it is not proven."""


@only_data_on_stdout()
def check(  # noqa: PLR0913 -- one an option
    file: BundlePath,
    *,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: DeviceName = "cpu",
    threads: Threads = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """
    Prove a bundle on this machine.

    Every member is verified, and the golden samples are reproduced with every installed
    execution, or with those of one runtime or precision, on the CPU or on one card. Exits with 1
    where one of them does not hold.
    """
    from andon.bundle.archive import read_bundle
    from andon.machine import available_cores
    from andon.model.choose import Request, choose_executions
    from andon.model.steps import load_steps
    from andon.runtimes.base import SessionOptions
    from andon.settings.devices import parse_device

    request = Request(
        runtime=runtime,
        precision=precision.value if precision else None,
        device=parse_device(device),
        trust=trust,
    )
    bundle = read_bundle(file)
    executions = choose_executions(bundle.manifest, request)
    options = SessionOptions(
        output_shape=bundle.manifest.output.shape, threads=threads or available_cores(), device=request.device
    )
    outcomes = _prove_each(bundle, executions, load_steps(bundle.manifest.input, bundle.manifest.output), options)
    if as_json:
        _write_json(bundle, outcomes)
    else:
        _write_table(outcomes)
    for outcome in outcomes:
        if outcome.error:
            raise outcome.error
    _say_what_holds(bundle, outcomes)
    _say_what_is_left(bundle, request)


def _prove_each(
    bundle: "Bundle", executions: "list[Execution]", steps: "Steps", options: "SessionOptions"
) -> list[_Outcome]:
    outcomes = []
    with progress_bar() as report:
        for done, execution in enumerate(executions):
            report(done, len(executions), f"proving {execution.runtime}")
            outcomes.append(_prove(bundle, execution, steps, options))
    return outcomes


def _prove(bundle: "Bundle", execution: "Execution", steps: "Steps", options: "SessionOptions") -> _Outcome:
    from andon.model.load import open_and_prove, proof_error

    try:
        proof = open_and_prove(bundle, execution, steps, options).proof
    except (RuntimeFault, EnvironmentFault) as error:
        return _Outcome(execution, None, error)
    if proof is None:
        return _Outcome(execution, None, _nothing_proven(bundle, execution))
    return _Outcome(execution, proof, None if proof.holds else proof_error(bundle, execution, proof))


def _nothing_proven(bundle: "Bundle", execution: "Execution") -> ProofError:
    return ProofError(
        f"the runtime {execution.runtime} answers zeros, so it reproduces no golden sample",
        code="proof.failed",
        where=bundle.where,
    )


def _write_table(outcomes: list[_Outcome]) -> None:
    columns = ("execution", "result", "samples", "pixels off", "output off", "tolerance")
    write_table(columns, map(_row, outcomes), right=columns[2:])


def _row(outcome: _Outcome) -> tuple[str, ...]:
    from andon.cli.declarations import execution_in_words

    name, result = execution_in_words(outcome.execution), "fails" if outcome.error else "holds"
    tolerance = difference_in_words(outcome.execution.tolerance.relative)
    if outcome.proof is None:
        return name, result, "-", "-", "-", tolerance
    return (
        name,
        result,
        str(outcome.proof.samples),
        f"{outcome.proof.worst_pixel_difference:g}",
        difference_in_words(outcome.proof.worst_output_difference),
        tolerance,
    )


def _write_json(bundle: "Bundle", outcomes: list[_Outcome]) -> None:
    write_json(
        {
            "model": {"name": bundle.manifest.name, "version": bundle.version, "digest": bundle.digest},
            "holds": not any(outcome.error for outcome in outcomes),
            "executions": [dict(_fields(outcome)) for outcome in outcomes],
        }
    )


def _fields(outcome: _Outcome) -> Iterator[tuple[str, object]]:
    execution, proof, error = outcome
    yield "artifact", execution.artifact
    yield "runtime", execution.runtime
    yield "precision", execution.precision
    yield "device", execution.device
    yield "tolerance", execution.tolerance.relative
    yield "holds", error is None
    yield "samples", proof.samples if proof else 0
    yield "worst_pixel_difference", proof.worst_pixel_difference if proof else None
    yield "worst_output_difference", proof.worst_output_difference if proof else None
    yield "findings", proof.findings if proof else ()
    yield "error", {"code": error.code, "message": error.message, "hint": error.hint} if error else None


def _say_what_holds(bundle: "Bundle", outcomes: list[_Outcome]) -> None:
    samples = count_in_words(len(bundle.manifest.golden.inputs), "golden sample")
    executions = count_in_words(len(outcomes), "execution")
    say(f"{bundle.where} is sound: {len(bundle.members)} members intact, {samples} reproduced by {executions}")


def _say_what_is_left(bundle: "Bundle", request: "Request") -> None:
    """Tell what was not tried, and why; what is for another device than was asked for is told without an option."""
    from andon.cli.declarations import execution_in_words
    from andon.model.choose import left_out

    for each in left_out(bundle.manifest, request):
        say(f"not proven: {execution_in_words(each.execution)}: {each.reason}", style="yellow")
    for execution in bundle.manifest.executions if request.asks_nothing else ():
        if execution.device != request.device_kind:
            say(
                f"not proven: {execution_in_words(execution)}: it is for another device; "
                f"check it with --device {execution.device}",
                style="yellow",
            )
