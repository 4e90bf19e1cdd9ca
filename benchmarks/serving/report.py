"""What was measured, as a table and as the JSON that the chart is made from."""

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct, to_builtins

from andon.machine import available_cores
from serving.environments import cache_folder
from serving.limit import BATCHES, Limit
from serving.servers import SERVERS, Server
from serving.side_by_side import Round

OURS = ("andon", "onnxruntime", "openvino", "nncf", "pillow", "numpy")


class Row(Struct, frozen=True, kw_only=True):
    """One server: medians of its rounds."""

    name: str
    kind: str
    title: str
    rounds: int
    rate: float
    rate_least: float
    rate_most: float
    p50_ms: float
    p99_ms: float
    alone_p50_ms: float
    cpu_ms: float
    front_ms: float
    pss_mb: float
    start_s: float
    agreed: int
    """The fewest photos, of 100, whose label was that of eager PyTorch."""
    errors: int


class LimitRow(Struct, frozen=True, kw_only=True):
    """The in-process limit of one server: medians, with the best batch by throughput."""

    name: str
    batch: int
    rate: float
    cpu_ms: float
    alone_p50_ms: float


def row(server: Server, rounds: Sequence[Round]) -> Row:
    """Take medians; of errors and agreement the worst."""

    def middle(name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in rounds))

    rates = [one.rate for one in rounds]
    names = ("p50_ms", "p99_ms", "alone_p50_ms", "cpu_ms", "front_ms", "pss_mb", "start_s")
    return Row(
        name=server.name,
        kind=server.kind,
        title=server.title,
        rounds=len(rounds),
        rate=middle("rate"),
        rate_least=min(rates),
        rate_most=max(rates),
        agreed=min(one.agreed for one in rounds),
        errors=sum(one.errors for one in rounds),
        **{name: middle(name) for name in names},
    )


def limit_row(name: str, rounds: Sequence[Limit]) -> LimitRow:
    """Take the batch whose median rate is the highest."""
    rates = {size: statistics.median(one.rates[str(size)] for one in rounds) for size in BATCHES}
    best = max(rates, key=lambda size: rates[size])
    return LimitRow(
        name=name,
        batch=best,
        rate=rates[best],
        cpu_ms=statistics.median(one.cpu_ms[str(best)] for one in rounds),
        alone_p50_ms=statistics.median(one.alone_p50_ms for one in rounds),
    )


def facts(command: str) -> dict[str, object]:
    """Tell the machine, the versions, the date, the command and what else runs."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": names[0] if names else platform.machine(),
        "cores": available_cores(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "command": command,
        "versions": {**{name: version(name) for name in OURS if is_installed(name)}, **peer_versions()},
    }


def is_installed(name: str) -> bool:
    """Whether a package is in this environment."""
    from importlib.util import find_spec

    return find_spec({"pillow": "PIL"}.get(name, name)) is not None


def peer_versions() -> dict[str, str]:
    """Read the versions of the peers from their environments, where these are made."""
    wanted = {(server.environment, name) for server in SERVERS for name in server.packages if server.environment}
    wanted |= {("shared", "torch")}
    return {name: found for folder, name in sorted(wanted) if (found := _version(cache_folder() / folder, name))}


def _version(venv: Path, name: str) -> str | None:
    stem = name.replace("-", "_")
    found = [
        path.name.split("-")[1].removesuffix(".dist") for path in venv.glob(f"lib/*/site-packages/{stem}-*.dist-info")
    ]
    return found[0] if found else None


def table(rows: Sequence[Row], limits: Sequence[LimitRow]) -> str:
    """Set the measurements side by side; `core ms` is what the load of other programs moves least."""
    head = f"{'server':42}{'requests/s':>11}{'least':>8}{'most':>8}{'p50 ms':>9}{'p99 ms':>9}{'alone ms':>9}"
    head += f"{'core ms':>9}{'PSS MB':>8}{'start s':>8}{'agree':>6}{'errors':>7}"
    return "\n".join([head, *map(row_line, rows), *map(limit_line, limits)])


def row_line(row: Row) -> str:
    """Print one server."""
    times = f"{row.p50_ms:9.1f}{row.p99_ms:9.1f}{row.alone_p50_ms:9.1f}{row.cpu_ms:9.2f}"
    rest = f"{row.pss_mb:8.0f}{row.start_s:8.1f}{row.agreed:6}{row.errors:7}"
    return f"{row.title:42}{row.rate:11.1f}{row.rate_least:8.1f}{row.rate_most:8.1f}{times}{rest}"


def limit_line(limit: LimitRow) -> str:
    """Print one in-process limit."""
    title = f"in-process, {limit.name}, batch {limit.batch}"
    return f"{title:42}{limit.rate:11.1f}{'':34}{limit.alone_p50_ms:9.1f}{limit.cpu_ms:9.2f}"


def write_json(path: Path, **parts: object) -> None:
    """Write the measurement where others can read it."""
    path.write_text(json.dumps(to_builtins(parts), indent=1) + "\n")
