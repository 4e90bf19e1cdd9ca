"""The settings of `andon serve`, each declared once: flags, environment, TOML and the reference are made from this."""

from typing import Annotated, Literal

from msgspec import Meta

from andon.settings.devices import AUTO, parse_devices
from andon.settings.limits import Count, Limits

MIN_DEADLINE_MS = 10
"""A shorter deadline than HTTP itself takes is no deadline."""
MAX_DEADLINE_MS = 600_000
"""Ten minutes: what is put in front of the service can rely on an answer by then."""

Seconds = Annotated[float, Meta(ge=0.1, le=86_400)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
DeadlineMs = Annotated[int, Meta(ge=MIN_DEADLINE_MS, le=MAX_DEADLINE_MS)]
Token = Annotated[str, Meta(min_length=16, max_length=512, pattern=r"^[\x21-\x7e]+$")]


class ServeSettings(Limits, frozen=True, kw_only=True):
    """How a service listens, how much it takes, and how long it waits."""

    host: Annotated[str, Meta(min_length=1, max_length=255)] = "127.0.0.1"
    """Address to listen on. Beyond this machine it needs `token` or `insecure`."""
    port: Port = 5555
    """Port to listen on; 0 for any that is free."""
    token: Token | None = None
    """Secret that each request must bring as `Authorization: Bearer TOKEN`, 16 to 512 printable characters."""
    insecure: bool = False
    """Let other machines in without a token."""
    probe: bool = False
    """Answer `GET /run`, which holds the worker for one second, to see whether requests run side by side."""
    runtime: Annotated[str, Meta(max_length=32)] | None = None
    """Use only this runtime; without it the first of the bundle's that holds its proof."""
    precision: Literal["fp32", "bf16", "int8"] | None = None
    """Use only executions of this precision: `fp32`; `bf16`, which `openvino` computes faster and less exactly; or
    `int8`, of a bundle that `andon optimize` made."""
    trust: bool = False
    """Load artifacts that can execute code, and run the author's own `prepare` and `finish`."""
    workers: Annotated[int, Meta(ge=0, le=1024)] | None = None
    """Processes that compute, 0 to 1,024; one a thread, or one a card, if not given. With 0, threads of the service."""
    threads: Annotated[int, Meta(ge=1, le=1024)] | None = None
    """Threads that compute, shared out among the workers, 1 to 1,024; one a core, or 4 a card, if not given."""
    max_batch: Annotated[int, Meta(ge=1, le=1024)] = 8
    """Images that a worker process runs at once at most, 1 to 1,024; fewer where that is as fast, or fewer wait."""
    stall_timeout_s: Seconds = 10.0
    """Seconds after which a worker process that is stuck with an image is replaced; more where it took long before."""
    devices: Annotated[str, Meta(max_length=1024)] = AUTO
    """Where to compute: `auto` (the cards, or the CPU where none can be used), `cpu`, `cuda`, or `cuda:0,cuda:1`."""
    deadline_ms: DeadlineMs = 30_000
    """Milliseconds after which a request without `X-Deadline-Ms` is answered 504, 10 to 600,000."""
    max_queue_jobs: Count = 256
    """Images that may wait or run at once, 1 or more. Over it: `engine.full`."""
    max_queue_bytes: Count = 512 * 1024 * 1024
    """Bytes of images that may wait or run at once, 1 or more; and of bodies on their way. Over it: `engine.full`."""
    max_connections: Count = 1000
    """Connections open at once, 1 or more. One over it is answered 503 and closed."""
    max_head_bytes: Annotated[int, Meta(ge=1024, le=1024 * 1024)] = 32 * 1024
    """Bytes of a request line with its headers, 1,024 to 1,048,576. Over it: 431."""
    max_headers: Annotated[int, Meta(ge=10, le=10_000)] = 100
    """Headers of one request, 10 to 10,000. Over it: 431."""
    head_timeout_s: Seconds = 10.0
    """Seconds in which the head of a request must have come; then its connection is closed."""
    body_timeout_s: Seconds = 30.0
    """Seconds in which the body of a request must have come. Over it: `request.timeout`."""
    keep_alive_s: Seconds = 75.0
    """Seconds for which an idle connection is kept."""
    shutdown_timeout_s: Seconds = 30.0
    """Seconds that requests in flight have to be answered after SIGTERM or SIGINT."""
    canary_interval_s: Seconds = 10.0
    """Seconds between two golden samples that each model must answer to stay ready."""
    access_log: bool = False
    """Write a line for each request to stderr: status, milliseconds, request id, device, stages."""

    def __post_init__(self) -> None:
        """Refuse devices that are not written as such, with a UsageError."""
        parse_devices(self.devices)


SECRETS = frozenset({"token"})
"""Settings whose value is not shown."""
