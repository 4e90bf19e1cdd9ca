"""A worker as the front sees it: a process, a socket to it, and memory that both see. It decides nothing."""

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from andon.engine.arena import Arena
from andon.engine.channel import make_pair, receive, send
from andon.engine.messages import Forget, FromWorker, Give, Hold, Load, Start, ToWorker, decode_from_worker, encode
from andon.engine.policy import Ticket
from andon.settings.limits import Limits
from andon.settings.sources import variable_of
from andon.tensors import PixelArray

_MOMENT_S = 0.2
"""Seconds between the end of a process's sockets and that of the process, at most; it is a millisecond."""
MODULE = "andon.engine.worker"
"""What a worker process runs: the function `main` of this module."""
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "RAYON_NUM_THREADS",
)
"""How libraries are told of their threads before they are imported; those that can be told later are told again."""


class WorkerProcess:
    """
    A worker that has been started.

    Args:
        number: Its own among all that were ever started.
        start: What it works with.
        limits: Of images and bodies: two of the largest that may come fit in.
        module: Has the function `main` that it runs.

    Raises:
        OSError: The machine gives no further process, memory or descriptor; nothing of it is left then.
    """

    def __init__(self, number: int, start: Start, limits: Limits, *, module: str = MODULE) -> None:
        self.number = number
        self.device = start.device
        self._places: dict[int, int] = {}
        self._unsent: deque[bytes] = deque()
        with ExitStack() as failing:
            self._arena = Arena(_arena_bytes(limits))
            failing.callback(self._arena.close)
            self.socket, theirs = make_pair()
            failing.callback(self.socket.close)
            with theirs:
                self._process = _run(module, theirs, self._arena.file, _environment(os.environ, start.threads))
            failing.pop_all()
        self.socket.settimeout(0)
        self.tell(start)

    @property
    def pid(self) -> int:
        """The number that the kernel gave it."""
        return self._process.pid

    @property
    def has_unsent(self) -> bool:
        """Whether it has not taken all that it was told."""
        return bool(self._unsent)

    def tell(self, message: Start | ToWorker) -> None:
        """Send a message, or keep it for `flush` where the worker does not read."""
        self._unsent.append(encode(message))
        self.flush()

    def flush(self) -> None:
        """Send what was kept, as far as the worker reads; to one that has ended nothing is sent."""
        while self._unsent:
            try:
                send(self.socket, self._unsent[0])
            except BlockingIOError:
                return
            except OSError:
                # It has ended, which is seen where its messages are read.
                self._unsent.clear()
                return
            self._unsent.popleft()

    def load(self, number: int, path: str | None, digest: str | None) -> None:
        """Have it load a bundle; the number is that of its answer."""
        self.tell(Load.of(number, path, digest))

    def give(self, ticket: Ticket) -> bool:
        """Hand a job over; false where there is no room for its image as long as it has others."""
        if ticket.job is None:
            self.tell(Hold(ticket.number, ticket.hold_s))
            return True
        image = ticket.job.image
        data = memoryview(image) if isinstance(image, bytes) else _bytes_of(image)
        first = self._arena.put(data)
        if first is None:
            return False
        self._places[ticket.number] = first
        self.tell(
            Give(
                number=ticket.number,
                model=ticket.job.model,
                place=(first, data.nbytes),
                shape=None if isinstance(image, bytes) else image.shape,
                dtype="" if isinstance(image, bytes) else image.dtype.str,
                is_canary=ticket.job.is_canary,
            )
        )
        return True

    def forget(self, number: int) -> None:
        """Say that nobody waits for a job any more."""
        self.tell(Forget(number))

    def free(self, number: int) -> None:
        """Take back the room of an image that was answered."""
        if number in self._places:
            self._arena.free(self._places.pop(number))

    def tidy(self) -> None:
        """Give memory back that images have not needed lately."""
        self._arena.tidy()

    def messages(self) -> tuple[list[FromWorker], bool]:
        """Read what it has said, without waiting; and say whether it has ended."""
        said: list[FromWorker] = []
        has_ended = False
        while True:
            try:
                message = receive(self.socket)
            except BlockingIOError:
                return said, has_ended
            except ConnectionResetError:
                # It has ended and left something unread; what it had said before comes behind this.
                has_ended = True
                continue
            except OSError:
                return said, True
            if not message:
                return said, True
            said.append(decode_from_worker(message))

    def is_stopped(self) -> bool:
        """Ask the kernel whether it is stopped, by SIGSTOP or a debugger."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text(encoding="latin-1")
        except OSError:
            return False
        return text.rpartition(")")[2].split()[0] in ("T", "t")

    def has_ended(self) -> bool:
        """Ask whether the process is no more; its number is free from then on."""
        return self._process.poll() is not None

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the process for some time; ask whether it came."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def may_have_been_ended(self) -> bool:
        """
        Ask whether somebody else may have ended it, and not what it computed: by SIGKILL.

        To be asked when its end has begun; waits for a moment until it is over.
        """
        return self.wait(_MOMENT_S) and self._process.returncode == -signal.SIGKILL

    def how_it_ended(self) -> str:
        """Say what it ended by, in words; waits for the end, which has begun."""
        status = self._process.wait()
        if status >= 0:
            return f"it ended with code {status}"
        try:
            return f"it was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"it was ended by signal {-status}"

    def say_goodbye(self) -> None:
        """Close the socket: a worker that lives ends by itself. What it still says is not heard."""
        self.socket.close()
        self._arena.close()

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()


def _arena_bytes(limits: Limits) -> int:
    """Let what is over the limit of images in too, as far as a body goes: the worker says what is wrong with it."""
    return 2 * max(limits.max_image_bytes, limits.max_body_bytes, 3 * limits.max_image_pixels)


def _bytes_of(pixels: PixelArray) -> memoryview:
    """Give the bytes of pixels in C order, without a copy where they lie so; there may be none."""
    return np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data


def _run(module: str, peer: socket.socket, arena: int, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """
    Start a Python like this one, which finds the same modules.

    What a library prints there is talk, and no data of ours.
    """
    program = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; main(sys.argv[1:])"
    return subprocess.Popen(  # noqa: S603 -- this interpreter, with a program of ours
        [sys.executable, "-P", "-c", program, str(peer.fileno()), str(arena)],
        pass_fds=(peer.fileno(), arena),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=2,
    )


def _environment(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """Say how many threads libraries may have, and that those that wait leave the core to others."""
    told = {**environment, **dict.fromkeys(_THREADS, str(threads)), "OMP_WAIT_POLICY": "PASSIVE"}
    # The secret is the front's alone.
    told.pop(variable_of("token"), None)
    return told
