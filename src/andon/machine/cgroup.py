"""
How much CPU time the kernel lets this process have: the quotas of its cgroup and of all cgroups around it.

A container "of 1.5 CPUs" sees all cores of its host; only these files tell what it will get of them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

Read = Callable[[str], str | None]
"""Gives the text of a file; None where there is no such file, or it may not be read."""


class _Hierarchy(Struct, frozen=True):
    """One tree of cgroups that may hold quotas, as it is mounted here."""

    mount: PurePosixPath
    own: PurePosixPath
    """The cgroup of this process, below `mount`; that itself where the process is outside of what is mounted."""
    is_v2: bool


def cpu_limit(read: Read) -> float | None:
    """
    Give the CPUs' worth of time that this process may use.

    A quota binds all that is below it, so the smallest one counts, however far up it stands. In a
    container only what is mounted is seen: a quota further up is not known, and is no error.

    Args:
        read: Of absolute paths, `/proc` and `/sys` among them.

    Returns:
        More than 0, 1.5 for one and a half CPUs; None where there is no quota, or nothing that can be read.

    Source:
        https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max)
        https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us)
    """
    quotas = [quota for hierarchy in _hierarchies(read) for quota in _quotas(hierarchy, read)]
    return min(quotas, default=None)


def read_file(path: str) -> str | None:
    """Read a file of this machine, as `cpu_limit` wants it."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        # Absent, or closed to this process: either way the kernel does not tell.
        return None


def _hierarchies(read: Read) -> Iterator[_Hierarchy]:
    own = dict(_own_cgroups(read("/proc/self/cgroup") or ""))
    for line in (read("/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        is_v2 = kind[0] == "cgroup2"
        if is_v2 or "cpu" in kind[2].split(","):
            cgroup = own.get("" if is_v2 else "cpu", "/")
            mount = PurePosixPath(fields[4])
            yield _Hierarchy(mount=mount, own=mount / _below(cgroup, fields[3]), is_v2=is_v2)


def _own_cgroups(text: str) -> Iterator[tuple[str, str]]:
    """Give controller and path of each line; v2 has no controllers there, and one empty name."""
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        yield from ((controller, path) for controller in controllers.split(","))


def _below(cgroup: str, mounted: str) -> PurePosixPath:
    """Give the way from the cgroup that is mounted to another one; none where it does not lie below."""
    path = PurePosixPath(cgroup)
    # A process outside of its cgroup namespace has a path like `/../../system.slice`.
    return path.relative_to(mounted) if path.is_relative_to(mounted) and ".." not in path.parts else PurePosixPath()


def _quotas(hierarchy: _Hierarchy, read: Read) -> Iterator[float]:
    """Give the quotas from the own cgroup up to the one that is mounted."""
    for folder in (hierarchy.own, *hierarchy.own.parents):
        if not folder.is_relative_to(hierarchy.mount):
            return
        if hierarchy.is_v2:
            words = (read(f"{folder}/cpu.max") or "").split()
        else:
            words = [(read(f"{folder}/cpu.cfs_{name}_us") or "").strip() for name in ("quota", "period")]
        # `max`, and -1 in v1, are no quota; so is what no kernel writes.
        if len(words) == 2 and all(word.isdecimal() and int(word) > 0 for word in words):
            yield int(words[0]) / int(words[1])
