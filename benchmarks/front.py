"""
What the HTTP front costs: requests a second, and milliseconds of a core a request, by kind of body.

    python benchmarks/front.py [--seconds 4] [--rounds 3]

`andon serve --null` computes nothing, so that HTTP is what is measured; its process is held on one core, and
`wrk` with one thread and eight connections on another one. What a request costs is read from /proc of the
process: user and system time, of all its threads. Beside it stands the bound: plain uvicorn with an
application that only reads the body, `bare_asgi.py`. Rounds take turns; medians count.

Each answer is checked by its status. `429` is refused by the queue, which the probe of another client keeps full;
`413` by the declared length of the body; `404` by the name of the model in the address.
"""

import argparse
import io
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import numpy as np
from PIL import Image
from startup import machine
from vision import photo_like

from andon.demo.ask import get
from andon.programs import Child, find_program, usable_port

HOST = "127.0.0.1"
CONNECTIONS = 8
SERVER_CORE, CLIENT_CORE = "0", "1"
JPEG_SIZE = (500, 430)
FRAME_SIZE = (2448, 2048)
PLACES = 2
"""One is let go each second; what slips in waits for the other one's end."""
SLIPPED = 0.05
"""Share of requests that may slip in where the probe lets go for a moment."""
TICKS = os.sysconf("SC_CLK_TCK")
LOCAL, POOL = ("--workers", "0"), ("--workers", "1")


class Body(NamedTuple):
    """What is sent."""

    headers: Mapping[str, str]
    data: bytes


class Ask(NamedTuple):
    """One row of the table: a body for an address of a server, and the status that each answer must have."""

    port: int
    pid: int
    path: str
    body: Body
    status: int = 200


class Found(NamedTuple):
    """What one run of `wrk` found."""

    per_second: float
    cpu_ms: float
    """Of all threads of the server, for one request."""
    p50_ms: float
    p99_ms: float


def raw(data: bytes, media_type: str) -> Body:
    """Send an image as the body itself."""
    return Body({"Content-Type": media_type}, data)


def multipart(data: bytes) -> Body:
    """Send an image as curl -F does."""
    head = 'Content-Disposition: form-data; name="file"; filename="part.jpg"\r\nContent-Type: image/jpeg'
    content = b"--b0undary\r\n%b\r\n\r\n%b\r\n--b0undary--\r\n" % (head.encode(), data)
    return Body({"Content-Type": "multipart/form-data; boundary=b0undary"}, content)


def tensor(data: bytes, datatype: str, shape: list[int]) -> Body:
    """Send a binary tensor of the Open Inference Protocol."""
    parameters = {"binary_data_size": len(data)}
    given = {"name": "image", "datatype": datatype, "shape": shape, "parameters": parameters}
    text = msgspec.json.encode({"inputs": [given]})
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(text))}
    return Body(headers, text + data)


def encoded_tensor(data: bytes) -> Body:
    """Send an image file as a tensor of one element."""
    return tensor(len(data).to_bytes(4, "little") + data, "BYTES", [1])


def frame() -> np.ndarray:
    """Make what a mono camera of five megapixels gives, uint8 (H, W)."""
    width, height = FRAME_SIZE
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def tiff(pixels: np.ndarray) -> bytes:
    """Write pixels as they are into a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "TIFF")
    return buffer.getvalue()


def pinned(core: str, *command: str) -> tuple[str, ...]:
    """Keep a command on one core."""
    return (find_program("taskset", "util-linux"), "-c", core, *command)


@contextmanager
def server(*options: str) -> Iterator[tuple[int, int]]:
    """Serve the model `null`, and give the port and the process."""
    port = usable_port(0)
    andon = str(Path(sys.executable).with_name("andon"))
    command = pinned(SERVER_CORE, andon, "serve", "--null", "--port", str(port), *options)
    with started(command, port, "/ready") as pid:
        yield port, pid


@contextmanager
def instant() -> Iterator[tuple[int, int]]:
    """Serve with an engine that answers at once, and give the port and the process."""
    port = usable_port(0)
    program = str(Path(__file__).with_name("instant_engine.py"))
    with started(pinned(SERVER_CORE, sys.executable, program, str(port)), port, "/ready") as pid:
        yield port, pid


@contextmanager
def bare() -> Iterator[tuple[int, int]]:
    """Serve the application that only reads the body, and give the port and the process."""
    port, folder = usable_port(0), str(Path(__file__).parent)
    uvicorn = (sys.executable, "-m", "uvicorn", "--app-dir", folder, "--no-access-log", "--log-level", "error")
    command = pinned(SERVER_CORE, *uvicorn, "--host", HOST, "--port", str(port), "bare_asgi:app")
    with started(command, port, "/") as pid:
        yield port, pid


@contextmanager
def started(command: tuple[str, ...], port: int, path: str) -> Iterator[int]:
    """Start a server, wait until it answers, and give its process."""

    def answers() -> bool:
        try:
            return get(port, path).status == 200
        except OSError:
            return False

    with Child(*command, stderr=subprocess.DEVNULL) as child:
        if not child.wait_until(answers, 60):
            raise SystemExit(f"did not start: {' '.join(command)}")
        yield child.pid


@contextmanager
def occupied(port: int) -> Iterator[None]:
    """Keep the two places of a service taken, by its probe, which holds a worker for a second each time."""
    ended = threading.Event()

    def hold() -> None:
        while not ended.is_set():
            get(port, "/run")

    threads = [threading.Thread(target=hold) for _ in range(PLACES)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.2)
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def cpu_s(pid: int) -> float:
    """Read the time of the processor that a process has used, in seconds; of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def drive(ask: Ask, folder: Path, seconds: float) -> Found:
    """Run `wrk` for some seconds, and see that each answer has its status."""
    (folder / "body").write_bytes(ask.body.data)
    headers = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in ask.body.headers.items())
    (folder / "ask.lua").write_text(
        f'wrk.method = "POST"\nwrk.body = io.open("{folder}/body", "rb"):read("*a")\n{headers}'
        f"others = 0\nfunction response(status) if status ~= {ask.status} then others = others + 1 end end\n"
        "local threads = {}\nfunction setup(thread) table.insert(threads, thread) end\n"
        'function done() print("others " .. threads[1]:get("others")) end\n'
    )
    address = f"http://{HOST}:{ask.port}{ask.path}"
    options = ("-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds:g}s", "--latency", "-s", str(folder / "ask.lua"))
    before = cpu_s(ask.pid)
    command = pinned(CLIENT_CORE, find_program("wrk", "wrk"), *options, address)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = cpu_s(ask.pid) - before
    requests = int(_number(r"(\d+) requests in", said))
    if _number(r"others (\d+)", said) > requests * SLIPPED:
        raise SystemExit(f"{address} answers otherwise than {ask.status}: {said}")
    return Found(
        per_second=_number(r"Requests/sec: +([\d.]+)", said),
        cpu_ms=spent * 1e3 / requests,
        p50_ms=_latency_ms("50%", said),
        p99_ms=_latency_ms("99%", said),
    )


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(text)
    return float(found[1])


def _latency_ms(quantile: str, text: str) -> float:
    found = re.search(rf"{quantile} +([\d.]+)(us|ms|s)\b", text)
    if found is None:
        raise SystemExit(text)
    return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]]


def rows(stack: ExitStack) -> dict[str, Ask]:
    """Start the servers, and give what is to be asked of them."""
    photo, pixels = photo_like(*JPEG_SIZE), frame()
    height, width = pixels.shape
    small = raw(photo, "image/jpeg")
    mono = tensor(pixels.tobytes(), "UINT8", [1, height, width, 1])
    null = stack.enter_context(server(*LOCAL))
    pool = stack.enter_context(server(*POOL))
    full = stack.enter_context(server(*POOL, "--probe", "--max-queue-jobs", str(PLACES)))
    stack.enter_context(occupied(full[0]))
    strict = stack.enter_context(server(*LOCAL, "--max-body-bytes", str(len(photo) // 2)))
    at_once = stack.enter_context(instant())
    plain = stack.enter_context(bare())
    return {
        "raw, instant engine": Ask(*at_once, "/predict", small),
        "multipart, instant": Ask(*at_once, "/predict", multipart(photo)),
        "/v2 BYTES, instant": Ask(*at_once, "/v2/models/null/infer", encoded_tensor(photo)),
        "raw": Ask(*null, "/predict", small),
        "multipart": Ask(*null, "/predict", multipart(photo)),
        "/v2 BYTES, binary": Ask(*null, "/v2/models/null/infer", encoded_tensor(photo)),
        "raw, a worker process": Ask(*pool, "/predict", small),
        "429, queue full": Ask(*full, "/predict", small, 429),
        "413, body too large": Ask(*strict, "/predict", small, 413),
        "404, no such model": Ask(*null, "/predict/other", small, 404),
        "plain uvicorn": Ask(*plain, "/", small),
        "/v2 UINT8, 5 MB, instant": Ask(*at_once, "/v2/models/null/infer", mono),
        "raw TIFF, 5 MB": Ask(*null, "/predict", raw(tiff(pixels), "image/tiff")),
        "/v2 UINT8, 5 MB": Ask(*null, "/v2/models/null/infer", mono),
        "plain uvicorn, 5 MB": Ask(*plain, "/", raw(tiff(pixels), "image/tiff")),
    }


def main() -> int:
    """Measure, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each row in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="andon-")))
        asks = {name: ask for name, ask in rows(stack).items() if options.only in name}
        found: dict[str, list[Found]] = {name: [] for name in asks}
        for _ in range(options.rounds):
            for name, ask in asks.items():
                found[name].append(drive(ask, folder, options.seconds))
    print(f"{machine()}, wrk -t1 -c{CONNECTIONS}, server on one core, medians of {options.rounds}")
    print(f"{'':26}{'KB':>7}{'requests/s':>12}{'CPU ms':>9}{'a core/s':>10}{'p50 ms':>9}{'p99 ms':>9}")
    for name, runs in found.items():
        per_second, cpu_ms, p50_ms, p99_ms = (statistics.median(values) for values in zip(*runs, strict=True))
        row = f"{name:26}{len(asks[name].body.data) / 1e3:7.0f}{per_second:12.0f}{cpu_ms:9.3f}{1e3 / cpu_ms:10.0f}"
        print(f"{row}{p50_ms:9.2f}{p99_ms:9.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
