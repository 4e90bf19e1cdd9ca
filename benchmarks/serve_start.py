"""
How large an install that only serves is, and how long `andon serve` takes from its start to its first answer.

    python benchmarks/serve_start.py [--runs N] [--profile]

A wheel is built and installed with its pinned dependencies and no extras into a new venv, byte-compiled as pip does it.
The bundle is as large as a ResNet-18. Each run starts a new process and sends one image to /run, again and again,
until it is answered 200; the clock begins before the process does. The first run, which warms the disk cache, is
thrown away. It needs torch, to make the bundle. Exits with 1 where a limit is passed.
"""

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from resnet18 import encoded, photo, write_bundle
from startup import build_venv, machine

RUNS = 11
MAX_VENV_MB = 300.0
MAX_START_S = 1.5
PATIENCE_S = 60.0
BOUNDARY = "between-the-parts"


def sizes_mb(venv: Path) -> tuple[float, list[tuple[str, float]]]:
    """Give the megabytes that a venv takes on disk, and those of its largest packages."""
    sizes: Counter[str] = Counter()
    for path in venv.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        inside = path.relative_to(venv).parts
        name = inside[3].removesuffix(".libs") if inside[2:3] == ("site-packages",) and len(inside) > 4 else "the rest"
        sizes["pillow" if name == "PIL" else name] += path.stat().st_blocks * 512
    return sum(sizes.values()) / 1e6, [(name, size / 1e6) for name, size in sizes.most_common(8)]


def form(image: bytes) -> bytes:
    """Write the multipart body of one image in the field `file`."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n'
    return head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def ask(port: int, body: bytes) -> tuple[int, bytes]:
    """Send the image to /run; status 0 where nothing listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("POST", "/run", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        return 0, b""
    finally:
        connection.close()


def start_s(andon: Path, bundle: Path, body: bytes, environment: Mapping[str, str]) -> tuple[float, float]:
    """Start the service; give the seconds until it answers anything, and until it answers with a label."""
    port = free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(andon), "serve", "--port", str(port), str(bundle)], env=environment, stderr=subprocess.DEVNULL
    )
    first_s = 0.0
    try:
        while time.perf_counter() - started < PATIENCE_S and process.poll() is None:
            status, answer = ask(port, body)
            now_s = time.perf_counter() - started
            first_s = first_s or (now_s if status else 0.0)
            if status == 200 and answer.startswith(b"result : "):
                return first_s, now_s
            time.sleep(0.002)
        raise SystemExit(f"no answer within {PATIENCE_S:g} s, the last was {status}: {answer.decode()}")
    finally:
        process.terminate()
        process.wait()


def show_profile(python: Path, environment: Mapping[str, str]) -> None:
    """List the imports of a service that take the longest by themselves."""
    modules = "andon.cli.main, andon.engine.local, andon.web.server, onnxruntime"
    command = [str(python), "-X", "importtime", "-c", f"import {modules}"]
    told = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=True).stderr
    rows = [line.removeprefix("import time:").split("|") for line in told.splitlines()[1:]]
    for own, total, name in sorted(rows, key=lambda row: -int(row[0]))[:25]:
        print(f"{int(own) / 1e3:8.1f} ms alone {int(total) / 1e3:8.1f} ms in all  {name.strip()}")


def main() -> int:
    """Measure, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"starts that count [default: {RUNS}]")
    parser.add_argument("--profile", action="store_true", help="list the imports that take the longest")
    options = parser.parse_args()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANDON"))}
    with tempfile.TemporaryDirectory() as name:
        programs = build_venv(Path(name), environment)
        venv_mb, largest = sizes_mb(programs.parent)
        bundle = write_bundle(Path(name, "resnet18.andon"))
        body = form(encoded(photo(99), "JPEG"))
        if options.profile:
            show_profile(programs / "python", environment)
        runs = [start_s(programs / "andon", bundle, body, environment) for _ in range(options.runs + 1)][1:]
        bundle_mb = bundle.stat().st_size / 1e6
    listening, answered = ([run[index] for run in runs] for index in (0, 1))
    print(f"{machine()}, {options.runs} starts, bundle of {bundle_mb:.1f} MB")
    print(f"venv       {venv_mb:6.0f} MB   limit {MAX_VENV_MB:.0f} MB")
    print("           " + ", ".join(f"{name} {size_mb:.0f}" for name, size_mb in largest))
    for what, times, limit in (("any answer", listening, None), ("a label", answered, MAX_START_S)):
        print(
            f"{what:10} {min(times):6.2f} s best, {statistics.median(times):.2f} s median, {max(times):.2f} s worst"
            + (f"   limit {limit:.1f} s" if limit else "")
        )
    return int(venv_mb > MAX_VENV_MB or statistics.median(answered) > MAX_START_S)


if __name__ == "__main__":
    sys.exit(main())
