"""What a measurement found, as one document: the same for the table, for JSON and for the page."""

from msgspec import Struct

from andon.bench.ledger import Count
from andon.bench.plan import LoadPlan

VERSION = 1


class Target(Struct, frozen=True, kw_only=True):
    """What was measured."""

    kind: str
    """`service`, or `in-process`."""
    address: str
    """The URL, or the path of the bundle."""
    model: str
    """The name in its manifest."""
    version: str = ""
    """The first 12 hex digits of its digest."""
    digest: str = ""
    """SHA-256 of its `bundle.json`, 64 hex digits."""
    runtime: str = ""
    """What executes it."""
    precision: str = ""
    """Such as `fp32`."""
    devices: tuple[str, ...] = ()
    """Where it computes."""
    settings: dict[str, int] = {}
    """In-process: `threads`, `batch` and `callers`."""


class Machine(Struct, frozen=True, kw_only=True):
    """Where the generator ran; of a service elsewhere it says nothing."""

    processor: str
    """As /proc/cpuinfo names it."""
    cores: int
    """That this process may use."""
    load_before: float
    """Processes that wanted to run in the minute before, by the kernel's average."""
    system: str
    """Kernel and architecture."""
    python: str
    """Version."""
    andon: str
    """Version."""
    libraries: dict[str, str]
    """Versions by name."""


class Spread(Struct, frozen=True, kw_only=True):
    """How times are spread, in milliseconds."""

    p50: float
    p99: float


class Latency(Struct, frozen=True, kw_only=True):
    """From the intended time of sending to the whole answer, of good answers, in milliseconds."""

    min: float
    mean: float
    p50: float
    p75: float
    p90: float
    p95: float
    p99: float
    p99_9: float
    max: float


class Second(Struct, frozen=True, kw_only=True):
    """A piece of the time that was measured, by when answers were there."""

    at_s: float
    """Its beginning, in seconds from the end of the warm-up."""
    ok_per_s: float
    """Good answers a second."""
    errors_per_s: float
    """Errors a second."""
    p50_ms: float | None
    """None where no good answer came."""
    p99_ms: float | None
    """As `p50_ms`."""


class Generator(Struct, frozen=True, kw_only=True):
    """How well the load was put on; where this is poor the rest says little."""

    late_ms_p99: float
    """From the intended time of sending until it was sent."""
    late_ms_max: float
    """As `late_ms_p99`."""
    held_back: int
    """Requests that were sent late because as many were in flight as `connections` allows."""
    unsent: int
    """Requests that were due and never sent, for the same reason."""
    cpu_share: float
    """CPU time by time passed; 1 is a whole core."""


class Report(Struct, frozen=True, kw_only=True):
    """All that one measurement found."""

    report: int = VERSION
    """Version of this form."""
    began: str
    """UTC, ISO 8601."""
    command: str
    """How it was begun, without the token."""
    target: Target
    """What was measured."""
    plan: LoadPlan
    """With what load."""
    machine: Machine
    """Where the generator ran."""
    measured_s: float
    """Seconds after the warm-up until no request was sent any more."""
    interrupted: bool
    """Whether it was ended early, by Ctrl-C."""
    requests: Count
    """Those of the warm-up among them."""
    measured: int
    """Requests that were due after the warm-up."""
    ok: int
    """Of those, how many came to a good answer."""
    in_time: int
    """Of those, how many were within the deadline; all of them without one."""
    errors: dict[str, int]
    """Of the measured ones, by kind: the HTTP status and the stable code, or what became of the connection."""
    throughput_per_s: float
    """Good answers that were there within the time measured."""
    goodput_per_s: float
    """Of those, the ones in time."""
    sent_bytes_per_s: float
    """Bodies alone, of requests with good answers."""
    received_bytes_per_s: float
    """Bodies alone, of good answers."""
    latency_ms: Latency | None
    """None where no answer was good."""
    percentiles: tuple[tuple[float, float], ...]
    """Pairs of percentile and milliseconds, for a plot."""
    server_ms: dict[str, Spread]
    """What the service says of its time, by stage; empty where it says nothing."""
    timeline: tuple[Second, ...]
    """Pieces of the time that was measured, in order."""
    labels: dict[str, int]
    """How often the most frequent labels were answered, at most 10."""
    label_count: int
    """How many labels were seen."""
    images: int
    """How many images were sent, in turn."""
    generator: Generator
    """How well the load was put on."""
    warnings: tuple[str, ...]
    """What makes these numbers worth less than they look."""

    @property
    def holds(self) -> bool:
        """Whether a good answer came, no wrong one, and each request was answered once or is known to have failed."""
        wrong = any(kind.startswith("wrong answer") for kind in self.errors)
        return (
            self.ok > 0 and not wrong and self.requests.doubled == 0 and (self.interrupted or not self.requests.missing)
        )
