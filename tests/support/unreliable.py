"""A small real HTTP server that answers as told, also in each way in which an answer can go wrong."""

import asyncio
import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

READY = json.dumps({"ready": True, "models": []}).encode()
MODEL = {
    "name": "parts",
    "state": "ready",
    "reason": None,
    "labels": ["a", "b"],
    "devices": ["cpu"],
    "passed_over": [],
    **dict.fromkeys(("version", "digest", "task", "orientation", "runtime", "precision", "device", "proof")),
}
MODELS = json.dumps({"default": "parts", "models": [MODEL]}).encode()
TIMING = "read;dur=1, queue;dur=2, decode;dur=3, prepare;dur=4, infer;dur=5, finish;dur=6"


def prediction(label: str = "a", **fields: object) -> bytes:
    """Give the body of a good answer."""
    item = {
        "label": label,
        "index": 0,
        "score": 0.9,
        "scores": [0.9, 0.1],
        "verdict": "Undefined",
        "reasons": [],
        "boxes": [],
        "timings_ms": {},
        "device": "cpu",
        "error": None,
        **fields,
    }
    return json.dumps({"predictions": [item], "model": {}, "request_id": "x"}).encode()


class Unreliable:
    """
    One server in a thread of its own.

    Args:
        behave: Given the number of the POST, 0 and up, says how it is answered: `ok`, or one of the
            other names in `_answer`.
    """

    def __init__(self, behave: Callable[[int], str] = lambda _number: "ok") -> None:
        self._behave = behave
        self.posts = 0
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.ready = True
        self._talks: set[asyncio.Task[None] | None] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._talk, "127.0.0.1", 0), self._loop)
        self._server = started.result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        quiet_turns = 0
        # What was accepted last begins to talk a turn later, and transports close in the turn after they are told to.
        while quiet_turns < 3:
            talks = asyncio.all_tasks() - {asyncio.current_task()}
            for talk in talks:
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)
            quiet_turns = 0 if talks else quiet_turns + 1
            await asyncio.sleep(0)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        # Once its client has gone nothing else refers to one that never answers, and the collector would take it.
        self._talks.add(talk)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1])) if length else b""
                await self._answer(head, body, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return
        finally:
            writer.transport.abort()
            self._talks.discard(talk)

    async def _answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET"):
            is_ready = b"/ready" in head
            status = "200 OK" if self.ready or not is_ready else "503 Service Unavailable"
            writer.write(_http(status, READY if is_ready else MODELS, "x"))
            return
        found = re.search(rb"X-Request-Id: (\S+)", head)
        own = found[1].decode() if found else ""
        how, self.posts = self._behave(self.posts), self.posts + 1
        self.heads.append(head)
        self.bodies.append(body)
        good = _http("200 OK", prediction(), own)
        if how == "reset":
            # A linger of 0 s makes the kernel send RST.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError
        if how == "early":
            writer.write(good[:-10])
            raise ConnectionResetError
        if how == "never":
            await asyncio.Event().wait()
        writer.write(
            {
                "ok": good,
                "full": _http("429 Too Many Requests", b'{"code": "engine.full"}', own),
                "gateway": _http("502 Bad Gateway", b"<html>", own),
                "redirect": _http("307 Temporary Redirect", b"", own, "Location: /elsewhere\r\n"),
                "chunked": _chunked(prediction(), own),
                "other id": _http("200 OK", prediction(), "somebody-else-1"),
                "no id": _http("200 OK", prediction(), ""),
                "other label": _http("200 OK", prediction("b"), own),
                "no prediction": _http("200 OK", b"{}", own),
                "twice": good + good,
                "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + good,
                "close": _http("200 OK", prediction(), own, "Connection: close\r\n"),
                "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
            }[how]
        )
        if how == "close":
            raise ConnectionResetError


def _http(status: str, body: bytes, request_id: str, further: str = "") -> bytes:
    own = f"X-Request-Id: {request_id}\r\n" if request_id else ""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nServer-Timing: {TIMING}\r\n{own}{further}\r\n"
    return head.encode() + body


def _chunked(body: bytes, request_id: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Request-Id: {request_id}\r\n\r\n".encode()
    pieces = [body[start : start + 50] for start in range(0, len(body), 50)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
