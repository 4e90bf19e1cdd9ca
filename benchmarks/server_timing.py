"""
Whether the stages of `Server-Timing` add up to the time that a client waits, for images of several sizes.

    python benchmarks/server_timing.py BUNDLE...

Each bundle is served by `andon serve` of the same environment. One client on one keep-alive connection of this
machine sends each image again and again; medians count. `share` is the sum of the stages as a share of what
the client waited: the rest is its own work, and the kernel's.
"""

import argparse
import http.client
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from startup import machine
from vision import photo_like

SIZES = ((64, 48), (456, 394), (1000, 800), (1920, 1080), (4000, 3000))
ROUNDS = 60
PATIENCE_S = 60.0
STAGES = ("read", "queue", "decode", "prepare", "infer", "finish")


class Asked(NamedTuple):
    """What one request took, in milliseconds."""

    waited: float
    stages: tuple[float, ...]


@contextmanager
def serving(bundle: Path) -> Iterator[int]:
    """Serve a bundle, and give the port once it is ready."""
    command = [str(Path(sys.executable).with_name("andon")), "serve", "--port", "0", str(bundle)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        told = [next(process.stderr or iter(()), "") for _ in range(2)]
        found = re.search(r":(\d+)$", told[0].strip())
        if found is None or not told[1].startswith("ready: "):
            raise SystemExit(f"{bundle} is not served: {''.join(told)}")
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()


def ask(connection: http.client.HTTPConnection, image: bytes) -> Asked:
    """Send one image, and read the answer."""
    started = time.perf_counter()
    connection.request("POST", "/predict", image, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    body = answer.read()
    waited = (time.perf_counter() - started) * 1e3
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {body.decode()}")
    stages = dict(re.findall(r"(\w+);dur=([\d.]+)", answer.headers["Server-Timing"]))
    return Asked(waited, tuple(float(stages[stage]) for stage in STAGES))


def main() -> None:
    """Measure, and print a table for each bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", metavar="BUNDLE", nargs="+", type=Path)
    bundles = parser.parse_args().bundles
    images = [(size, photo_like(*size)) for size in SIZES]
    print(f"{machine()}, {ROUNDS} requests a row, medians in milliseconds")
    for bundle in bundles:
        print(f"{bundle.name:22}  waited   share" + "".join(f"{stage:>9}" for stage in STAGES))
        with serving(bundle) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            for (width, height), image in images:
                asked = [ask(connection, image) for _ in range(ROUNDS)]
                share = statistics.median(sum(one.stages) / one.waited for one in asked)
                stages = (statistics.median(column) for column in zip(*(one.stages for one in asked), strict=True))
                row = f"{width:4} x {height:4} {len(image) / 1e3:7.0f} KB"
                waited = statistics.median(one.waited for one in asked)
                print(f"{row:22}{waited:8.2f}{share:8.1%}" + "".join(f"{value:9.2f}" for value in stages))
            connection.close()


if __name__ == "__main__":
    main()
