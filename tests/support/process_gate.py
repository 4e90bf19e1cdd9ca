"""A gate before models in other processes: their sessions ask this process whether they may go on."""

import os
import socket
import socketserver
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import msgspec

from andon.engine import worker
from andon.engine.base import Engine
from andon.engine.pool import PoolEngine
from andon.runtimes.registry import RUNTIMES
from andon.settings.serve import ServeSettings
from tests.support.gates import GATED, GatedRuntime, ThreadGate

ADDRESS = "ANDON_TEST_GATE"
"""The environment variable that tells a worker where the gate is."""


class _RemoteGate(ThreadGate):
    """The side of a worker."""

    def pass_through(self) -> None:
        """Ask, and wait for the answer; one that never comes ends the worker."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(os.environ[ADDRESS])
            if not peer.recv(1):
                os._exit(1)


@contextmanager
def process_gate() -> Iterator[ThreadGate]:
    """Give a gate at which workers that are started meanwhile wait."""
    gate = ThreadGate()

    class Doorkeeper(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            gate.pass_through()
            self.request.sendall(b"x")

    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder, "gate"))
        with socketserver.ThreadingUnixStreamServer(address, Doorkeeper) as server:
            server.daemon_threads = True
            Thread(target=server.serve_forever, name="gate", daemon=True).start()
            os.environ[ADDRESS] = address
            try:
                yield gate
            finally:
                del os.environ[ADDRESS]
                gate.open()
                server.shutdown()


def gated_pool(settings: ServeSettings) -> Engine:
    """Make an engine whose workers run one image at a time, behind the gate."""
    wanted = msgspec.structs.replace(settings, runtime=GATED, max_batch=1)
    return PoolEngine(wanted, ahead=0, module=__name__)


def main(arguments: Sequence[str]) -> None:
    """Be a worker that has the gated runtime."""
    RUNTIMES[GATED] = GatedRuntime(_RemoteGate())
    worker.main(arguments)
