"""wrk with 1 thread and 8 connections, each photo in turn, and what it counted."""

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from andon.programs import find_program
from serving.apis import Api

CONNECTIONS = 8
DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  local broken = e.connect + e.read + e.write + e.timeout
  local form = '{"answers": %d, "seconds": %f, "not_2xx": %d, "broken": %d, "p50_ms": %f, "p99_ms": %f}'
  io.write('COUNTED ' .. string.format(form, summary.requests, summary.duration / 1e6, e.status, broken,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3) .. '\\n')
end
"""


class Counted(Struct, frozen=True, kw_only=True):
    """One run."""

    answers: int
    seconds: float
    not_2xx: int
    broken: int
    """Connections that were refused, reset or too slow."""
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (self.answers - self.not_2xx) / self.seconds

    @property
    def errors(self) -> int:
        """Requests that were not answered well."""
        return self.not_2xx + self.broken


def run_wrk(port: int, api: Api, photos: Sequence[bytes], seconds: float) -> Counted:
    """Ask about the photos, one after the other on each connection, for some seconds."""
    with tempfile.TemporaryDirectory() as name:
        lua = write_script(Path(name), api, photos)
        command = [find_program("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
        command += ["--timeout", "30s", "-s", str(lua), f"http://127.0.0.1:{port}"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^COUNTED (.*)$", told, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk said nothing that counts: {told}")
    return Counted(**json.loads(found[1]))


def write_script(folder: Path, api: Api, photos: Sequence[bytes]) -> Path:
    """Write the requests, and the script that sends them in turn."""
    lines = ["local requests, turn = {}, 0", "local function read(p) local f = io.open(p, 'rb')"]
    lines += ["  local text = f:read('*a') f:close() return text end", "init = function()"]
    for number, photo in enumerate(photos, 1):
        path = folder / str(number)
        path.write_bytes(api.body(photo))
        headers = ", ".join(f"[{json.dumps(key)}] = {json.dumps(value)}" for key, value in api.headers(photo).items())
        lines.append(f"  requests[{number}] = wrk.format('POST', '{api.path}', {{{headers}}}, read('{path}'))")
    lines += ["end", f"request = function() turn = turn % {len(photos)} + 1 return requests[turn] end", DONE]
    lua = folder / "requests.lua"
    lua.write_text("\n".join(lines))
    return lua
