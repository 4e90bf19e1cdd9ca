"""What Linux says of a process: its children, its memory, its sockets, what it has written."""

import re
from pathlib import Path
from typing import NamedTuple

LISTENING = "0A"
"""The state of a socket that waits for connections, in /proc/net/tcp."""


def children_of(pid: int) -> list[int]:
    """List the child processes of a process, oldest first."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def resident_bytes(pid: int) -> int:
    """Give the memory that a process holds."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def threads_of(pid: int) -> set[str]:
    """Give the numbers of the threads of a process, as the operating system has them."""
    return {task.name for task in Path(f"/proc/{pid}/task").iterdir()}


def is_running(pid: int) -> bool:
    """Ask whether a process is there and has not ended; one that has may wait to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Socket(NamedTuple):
    """One TCP or UDP socket of a process."""

    table: str
    port: int
    """On its own side."""
    is_listening: bool


def inet_sockets(pid: int) -> list[Socket]:
    """List the TCP and UDP sockets of a process."""
    own = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
        except FileNotFoundError:
            continue  # closed meanwhile
        if found:
            own.add(found[1])
    sockets = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        for row in path.read_text().splitlines()[1:] if path.exists() else ():
            words = row.split()
            if words[9] in own:
                sockets.append(Socket(table, int(words[1].rpartition(":")[2], 16), words[3] == LISTENING))
    return sockets


def open_connections(pid: int) -> int:
    """Count the sockets of a process that are not there to listen."""
    return sum(not socket.is_listening for socket in inet_sockets(pid))


def written_bytes(pid: int) -> int:
    """Count the bytes that a process has caused to be written to disks."""
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found
    return int(found[1])
