"""
How an image gets from one process to another: three ways, for JPEGs and for raw frames.

`socket`: through a Unix socket. `file`: written to an anonymous file of memory, whose descriptor is
sent. `arena`: copied into memory that both have mapped from the start, whose place is sent.
"""

import argparse
import mmap
import os
import resource
import socket
import statistics
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

SIZES = {"2 KB": 2_000, "100 KB": 102_400, "1 MB": 1_000_000, "5 MB": 5_000_000}
HEAD = struct.Struct("<Q")
ACK = b"x"
COPIED_BYTES = 1_000_000
"""An image from which on the receiver looks at it where it is; encoded ones are wanted as bytes."""
Buffer = bytes | bytearray | memoryview | mmap.mmap


class Cost(NamedTuple):
    """What one image costs."""

    wall_us: float
    """From before it is sent until the other process says that it has it as bytes, in microseconds."""
    cpu_us: float
    """Of both processes together, in microseconds."""


def send_by_socket(peer: socket.socket, image: bytes, _arena: mmap.mmap) -> None:
    """Write it all."""
    peer.sendall(HEAD.pack(len(image)))
    peer.sendall(image)


def receive_by_socket(peer: socket.socket, _arena: mmap.mmap) -> Buffer:
    """Read it all."""
    (size,) = HEAD.unpack(peer.recv(HEAD.size, socket.MSG_WAITALL))
    data = bytearray(size)
    view = memoryview(data)
    while view:
        view = view[peer.recv_into(view) :]
    return bytes(data) if size < COPIED_BYTES else data


def send_by_file(peer: socket.socket, image: bytes, _arena: mmap.mmap) -> None:
    """Send a descriptor; the kernel frees the memory with the last one."""
    number = os.memfd_create("image")
    os.write(number, image)
    socket.send_fds(peer, [HEAD.pack(len(image))], [number])
    os.close(number)


def receive_by_file(peer: socket.socket, _arena: mmap.mmap) -> Buffer:
    """Read small ones, map large ones."""
    head, (number,), _, _ = socket.recv_fds(peer, HEAD.size, 1)
    (size,) = HEAD.unpack(head)
    data = os.pread(number, size, 0) if size < COPIED_BYTES else mmap.mmap(number, size, prot=mmap.PROT_READ)
    os.close(number)
    return data


def send_by_arena(peer: socket.socket, image: bytes, arena: mmap.mmap) -> None:
    """Copy it to the place that is free."""
    arena[: len(image)] = image
    peer.sendall(HEAD.pack(len(image)))


def receive_by_arena(peer: socket.socket, arena: mmap.mmap) -> Buffer:
    """Read small ones, look at large ones where they are."""
    (size,) = HEAD.unpack(peer.recv(HEAD.size, socket.MSG_WAITALL))
    return arena[:size] if size < COPIED_BYTES else memoryview(arena)[:size]


WAYS: dict[str, tuple[Callable[..., None], Callable[..., Buffer]]] = {
    "socket": (send_by_socket, receive_by_socket),
    "file": (send_by_file, receive_by_file),
    "arena": (send_by_arena, receive_by_arena),
}


def touch(data: Buffer) -> int:
    """Read one byte of each page, as whoever decodes it reads them all."""
    return sum(memoryview(data)[::4096])


def measure(way: str, image: bytes, times: int) -> Cost:
    """Send an image so many times to a process of its own, one after the other."""
    send, receive = WAYS[way]
    arena = mmap.mmap(-1, max(SIZES.values()))
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        for _ in range(times):
            touch(receive(theirs, arena))
            theirs.sendall(ACK)
        os._exit(0)
    before, waited = _cpu_s(resource.RUSAGE_SELF), []
    for _ in range(times):
        started = time.perf_counter()
        send(ours, image, arena)
        ours.recv(1)
        waited.append(time.perf_counter() - started)
    own_s = _cpu_s(resource.RUSAGE_SELF) - before
    _, _, usage = os.wait4(child, 0)
    total_s = own_s + usage.ru_utime + usage.ru_stime
    return Cost(statistics.median(waited) * 1e6, total_s / times * 1e6)


def _cpu_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure each way with each size, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{'microseconds':16}" + "".join(f"{way + ' waited':>16}{'cpu':>8}" for way in WAYS))
    for name, size in SIZES.items():
        image, times = os.urandom(size), max(50, 20_000_000 // size)
        found = [{way: measure(way, image, min(times, 2000)) for way in WAYS} for _ in range(rounds)]
        cells = [
            f"{statistics.median(costs[way].wall_us for costs in found):16.0f}"
            f"{statistics.median(costs[way].cpu_us for costs in found):8.0f}"
            for way in WAYS
        ]
        print(f"{name:16}" + "".join(cells))


if __name__ == "__main__":
    main()
