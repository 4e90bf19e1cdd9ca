"""A measurement from beginning to end: what is asked before, the load, and the report."""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from andon.bench.facts import read_facts
from andon.bench.images import read_image, shown_name
from andon.bench.in_process import predict_again_and_again
from andon.bench.load import put_load
from andon.bench.plan import LoadPlan
from andon.bench.report import Report, Target
from andon.bench.requests import Image, Requests
from andon.bench.summary import Setting, summarise
from andon.bench.target import describe_service, first_labels, wait_until_ready
from andon.bundle.archive import read_bundle
from andon.client.address import parse_address
from andon.client.options import ClientOptions
from andon.client.sync import Client
from andon.errors import UsageError, first_line
from andon.machine import available_cores
from andon.model.choose import Request
from andon.model.load import load_bundle
from andon.model.model import Model

Progress = Callable[[float, float], None]
"""Told the seconds that have passed, of how many."""


class Talk(Struct, frozen=True, kw_only=True):
    """What a measurement tells, and is told for its report."""

    command: str
    """How it was begun; repeated in the report."""
    progress: Progress
    on_wait: Callable[[], None]
    """Called where a service is there and not ready yet."""


class ServiceOptions(Struct, frozen=True, kw_only=True):
    """How a service is asked."""

    model: str | None = None
    """None for its default model."""
    token: str | None = None
    ca_file: str | None = None
    """For https: a file of PEM certificates; None for those that the machine trusts."""
    wait_s: float = 60.0
    """How long to wait for a service that is not ready yet."""
    labels: tuple[str, ...] | None = None
    """What the images are labelled as; None to ask for each of them once before the load."""


class BundleOptions(Struct, frozen=True, kw_only=True):
    """How a bundle is loaded and asked."""

    request: Request
    threads: int | None = None
    """Compute threads of each call; None for the cores divided among the callers."""
    batch: int = 1
    """Images that are run at once."""


def read_images(paths: Sequence[Path]) -> list[Image]:
    """
    Read image files into memory, as they are.

    Raises:
        ImageError: One is no image: load of refusals would look like a very fast service.
        UsageError: `usage.path`: one cannot be read.
    """
    return [Image(shown_name(path), read_image(path)) for path in paths]


def measure_service(
    url: str,
    images: Sequence[Image],
    plan: LoadPlan,
    options: ServiceOptions,
    talk: Talk,
) -> Report:
    """
    Put load on a service and report what came of it.

    Args:
        url: As `andon.Client` takes it.
        images: At least one; sent in turn, one a request.
        plan: How much load, and for how long.
        options: How it is asked.
        talk: With whoever wants to know.

    Raises:
        AndonError: The service is not there, not ready in time, or does not take an image.
    """
    address = parse_address(url)
    context = _tls(options.ca_file) if address.is_encrypted else None
    machine = read_facts()
    with Client(
        url,
        model=options.model,
        token=options.token,
        options=ClientOptions(retries=1, ca_file=options.ca_file),
    ) as client:
        wait_until_ready(client, options.wait_s, on_wait=talk.on_wait)
        target = describe_service(client, address.root, options.model)
        expected = first_labels(client, images) if options.labels is None else list(options.labels)
    requests = Requests(
        address,
        images,
        f"bench-{uuid4().hex[:8]}",
        model=options.model,
        token=options.token,
        deadline_ms=plan.deadline_ms,
    )
    setting = Setting(began=_now(), command=talk.command, target=target, plan=plan, machine=machine, images=len(images))
    return summarise(put_load(address, requests, plan, expected, progress=talk.progress, context=context), setting)


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise UsageError(
            f"no certificates can be read: {first_line(error)}", code="usage.argument", where=f"--ca-file {ca_file}"
        ) from None


def measure_bundle(
    path: Path,
    images: Sequence[Image],
    plan: LoadPlan,
    options: BundleOptions,
    talk: Talk,
) -> Report:
    """
    Predict with a bundle in this process, as fast as it goes, and report what came of it.

    Args:
        path: A `.andon` file or a bundle folder.
        images: At least one; predicted in turn.
        plan: Of the closed loop: a bundle has no queue that could grow.
        options: How it is loaded and asked.
        talk: With whoever wants to know.

    Raises:
        AndonError: The bundle cannot be loaded, or the plan has a rate.
    """
    if plan.is_open:
        raise UsageError(
            "load at a rate is for services; a bundle in this process has no queue",
            code="usage.argument",
            where="--rate",
            hint="leave it out, or serve the bundle and give its URL",
        )
    machine = read_facts()
    callers = plan.connections
    threads = options.threads or max(1, available_cores() // callers)
    model = load_bundle(read_bundle(path), options.request, threads=threads, callers=callers)
    settings = {"threads": threads, "batch": options.batch, "callers": callers}
    setting = Setting(
        began=_now(),
        command=talk.command,
        target=_target(model, path, settings),
        plan=plan,
        machine=machine,
        images=len(images),
    )
    return summarise(predict_again_and_again(model, images, plan, batch=options.batch, progress=talk.progress), setting)


def _target(model: Model, path: Path, settings: dict[str, int]) -> Target:
    return Target(
        kind="in-process",
        address=str(path),
        model=model.name,
        version=model.version,
        digest=model.digest,
        runtime=model.execution.runtime,
        precision=model.execution.precision,
        devices=(model.device,),
        settings=settings,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
