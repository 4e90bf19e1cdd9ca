"""
How requests a second grow with the services behind nginx: the one-second probe, and uploads.

    python benchmarks/nginx.py

`andon deploy nginx` writes the configuration, gunicorn serves with one process each (the null model,
so that HTTP is measured), and `ab` asks. Uploads go to one service directly too: the difference is
what nginx costs. Every number is from `Requests per second` of `ab`; the median of three runs counts,
which take turns.
"""

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from andon.bench.body import multipart_body
from andon.demo.ask import get
from andon.deploy.address import Address
from andon.deploy.folder import write_folder
from andon.deploy.nginx import NginxOptions, render
from andon.programs import Child, find_program, usable_port

HOST = "127.0.0.1"
COUNTS = (1, 2, 4)
RUNS = 3
APPLICATION = "andon.wsgi:create_app(None, null=True, probe=True)"
FORM = "multipart/form-data; boundary=1234567890"


def answers(port: int) -> bool:
    """Ask whether a service is there."""
    try:
        return get(port, "/").status == 200
    except OSError:
        return False


def service(stack: ExitStack) -> int:
    """Start one service, and give its port."""
    port = usable_port(0)
    command = (sys.executable, "-m", "gunicorn", "-w", "1", "-b", f"{HOST}:{port}", "--log-level", "error", APPLICATION)
    child = stack.enter_context(Child(*command))
    if not child.wait_until(lambda: answers(port), 60):
        raise SystemExit("the service did not start")
    return port


@contextmanager
def front(ports: list[int]) -> Iterator[int]:
    """Run nginx before these services, and give its port."""
    with TemporaryDirectory(prefix="andon-") as name:
        folder, port = Path(name), usable_port(0)
        folder.chmod(0o755)
        upstreams = tuple(Address(host=HOST, port=number) for number in ports)
        write_folder(folder, render(NginxOptions(upstreams=upstreams, listen=Address(host=HOST, port=port))))
        command = (find_program("nginx", "nginx-light"), "-p", name, "-c", "nginx.conf", "-g", "daemon off;")
        with Child(*command) as child:
            if not child.wait_until(lambda: answers(port), 10):
                raise SystemExit("nginx did not start")
            yield port


def ab(port: int, *options: str) -> float:
    """Run `ab`, see that nothing failed, and give the requests a second."""
    command = [find_program("ab", "apache2-utils"), *options, f"http://{HOST}:{port}/run"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Failed requests:        0" not in said or "Non-2xx" in said:
        raise SystemExit(said)
    found = re.search(r"Requests per second: +([\d.]+)", said)
    return float(found[1]) if found else 0.0


def upload(image: bytes, folder: Path) -> tuple[str, ...]:
    """Write a body, and give the options of `ab` that post it."""
    path = folder / f"{len(image)}.txt"
    path.write_bytes(multipart_body(image, "part.png"))
    return ("-n", "400", "-c", "8", "-T", FORM, "-p", str(path))


def png(side_pixels: int) -> bytes:
    """Make an image whose file has three bytes a pixel."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (side_pixels, side_pixels)).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def measure(ways: Mapping[str, tuple[int, tuple[str, ...]]]) -> dict[str, float]:
    """Run several ways in turns, and give the median of each."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, (port, options) in ways.items():
            found[name].append(ab(port, *options))
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> int:
    """Measure, print a table, and return the exit code."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with ExitStack() as stack:
        ports = [service(stack) for _ in range(max(COUNTS))]
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="andon-")))
        fronts = {count: stack.enter_context(front(ports[:count])) for count in COUNTS}
        probe = {f"{n} behind nginx": (port, ("-n", str(10 * n), "-c", str(n))) for n, port in fronts.items()}
        print(f"requests a second; median of {RUNS}")
        print_rows("one-second probe, ab -c N -n 10N", measure(probe))
        for side in (100, 600):
            options = upload(png(side), folder)
            ways = {"1 directly": (ports[0], options)} | {
                f"{n} behind nginx": (port, options) for n, port in fronts.items()
            }
            print_rows(f"upload of {side * side * 3 // 1000} KB, ab -c 8 -n 400", measure(ways))
    return 0


def print_rows(title: str, found: dict[str, float]) -> None:
    """Print one block of the table."""
    print(title)
    for name, rate in found.items():
        print(f"  {name:<16} {rate:8.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
