"""A worker that loads nothing and says again what it is told, or what it sees of its process."""

import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from andon.engine.channel import receive, send
from andon.engine.messages import (
    Answered,
    Answers,
    Forget,
    FromWorker,
    Give,
    Hold,
    Load,
    NotLoaded,
    SetAside,
    ToWorker,
    decode_start,
    decode_to_worker,
    encode,
)
from andon.predictions import Prediction


def _say_on_stdout() -> str:
    print("a library talks", flush=True)  # noqa: T201 -- as libraries do
    return "said"


SIGHTS: dict[str, Callable[[], str]] = {
    "environment": lambda: json.dumps(dict(os.environ)),
    "path": lambda: json.dumps(sys.path),
    "descriptors": lambda: json.dumps(_open_files()),
    "stdin": lambda: repr(sys.stdin.read()),
    "stdout": _say_on_stdout,
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP) or "went on",
    "leave": lambda: os._exit(7),
}
"""What it says when it is told to load this."""


def _open_files() -> list[str]:
    # The folder that is being listed is closed when its entries are looked at.
    return [str(entry.readlink()) for entry in list(Path("/proc/self/fd").iterdir()) if os.path.lexists(entry)]


def _reply(message: ToWorker, arena: mmap.mmap) -> FromWorker:
    match message:
        case Load():
            return _text(SIGHTS[message.path]() if message.path in SIGHTS else f"{message.path} {message.digest}")
        case Give(number, model, (first, size_bytes)):
            image = arena[first : first + size_bytes]
            seen = Prediction(
                label=f"{message.shape} {message.dtype} {message.is_canary}", reasons=(model, image.hex())
            )
            return Answers([Answered(number, seen)], 1)
        case Hold(number):
            return Answers([Answered(number, None)], 1)
        case Forget(number):
            return SetAside(number)


def _text(text: str) -> NotLoaded:
    return NotLoaded(0, "AndonError", text, "service.fault", "", "")


def main(arguments: Sequence[str]) -> None:
    """Answer until the other side closes."""
    peer, arena_file = socket.socket(fileno=int(arguments[0])), int(arguments[1])
    arena = mmap.mmap(arena_file, os.fstat(arena_file).st_size, prot=mmap.PROT_READ)
    send(peer, encode(_text(msgspec.json.encode(decode_start(receive(peer))).decode())))
    while message := receive(peer):
        send(peer, encode(_reply(decode_to_worker(message), arena)))
