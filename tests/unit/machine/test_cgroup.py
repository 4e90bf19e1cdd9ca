"""Quotas are read from a described tree of files, as kernels and containers lay it out."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.machine.cgroup import cpu_limit, read_file

V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
)
CPU_V1 = "/sys/fs/cgroup/cpu,cpuacct"


def limit(cgroup: str, mounts: str, files: Mapping[str, str]) -> float | None:
    """Give the limit of a process in a cgroup, on a machine with these files."""
    described = {"/proc/self/cgroup": cgroup, "/proc/self/mountinfo": mounts, **files}
    return cpu_limit(described.get)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("150000 100000\n", 1.5),
        ("50000 100000", 0.5),
        ("400000 100000", 4.0),
        ("30000 20000", 1.5),
        ("max 100000", None),
        ("", None),
        ("0 100000", None),
        ("100000 0", None),
        ("-1 100000", None),
        ("rubbish", None),
        ("1 2 3", None),
        ("\u00b2 100000", None),
    ],
)
def test_a_container_of_version_2_sees_its_own_quota(text: str, cpus: float | None) -> None:
    """At the root of what is mounted; `max`, and what no kernel writes, is none."""
    assert limit("0::/\n", V2, {"/sys/fs/cgroup/cpu.max": text}) == cpus


@pytest.mark.parametrize(
    ("quota", "period", "cpus"),
    [("150000\n", "100000\n", 1.5), ("-1\n", "100000\n", None), ("", "100000", None), ("100000", "x", None)],
)
def test_a_container_of_version_1_sees_its_own_quota(quota: str, period: str, cpus: float | None) -> None:
    """In the hierarchy of the controller `cpu`, which may share its mount; -1 is none."""
    files = {f"{CPU_V1}/cpu.cfs_quota_us": quota, f"{CPU_V1}/cpu.cfs_period_us": period}
    assert limit("4:cpu,cpuacct:/\n3:cpuset:/\n", V1, files) == cpus


def test_the_smallest_quota_of_all_parents_counts() -> None:
    """A service of systemd is bound by its slice, however generous its own quota is."""
    files = {
        "/sys/fs/cgroup/line.slice/andon.service/cpu.max": "800000 100000",
        "/sys/fs/cgroup/line.slice/cpu.max": "200000 100000",
        "/sys/fs/cgroup/cpu.max": "max 100000",
        "/sys/fs/cgroup/other.slice/cpu.max": "10000 100000",
    }
    assert limit("0::/line.slice/andon.service\n", V2, files) == 2.0


def test_parents_count_in_version_1_too() -> None:
    """Up to the root of the mount, and no further."""
    files = {
        f"{CPU_V1}/docker/a/cpu.cfs_quota_us": "-1",
        f"{CPU_V1}/docker/a/cpu.cfs_period_us": "100000",
        f"{CPU_V1}/docker/cpu.cfs_quota_us": "300000",
        f"{CPU_V1}/docker/cpu.cfs_period_us": "100000",
        "/sys/fs/cgroup/cpu.cfs_quota_us": "1000",
        "/sys/fs/cgroup/cpu.cfs_period_us": "100000",
    }
    assert limit("4:cpuacct,cpu:/docker/a\n", V1, files) == 3.0


def test_a_container_without_a_namespace_is_found_below_its_mount() -> None:
    """It is told its path on the host, of which it sees only the end."""
    mounts = V2.replace("0:26 / ", "0:26 /docker/a ")
    files = {"/sys/fs/cgroup/cpu.max": "150000 100000", "/sys/fs/cgroup/inner/cpu.max": "100000 100000"}
    assert limit("0::/docker/a\n", mounts, files) == 1.5
    assert limit("0::/docker/a/inner\n", mounts, files) == 1.0


@pytest.mark.parametrize("path", ["/../../system.slice", "/elsewhere", ""])
def test_a_process_outside_of_what_is_mounted_is_bound_by_the_root(path: str) -> None:
    """What cannot be seen is not guessed, and no path leads out of the mount."""
    mounts = V2 if ".." in path else V2.replace("0:26 / ", "0:26 /docker/a ")
    files = {"/sys/fs/cgroup/cpu.max": "150000 100000", "/sys/fs/cgroup/../../system.slice/cpu.max": "1 100000"}
    assert limit(f"0::{path}\n", mounts, files) == 1.5


def test_both_versions_may_be_mounted_at_once() -> None:
    """As on hosts in between; the controller is in one of them."""
    mounts = V1 + V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
    files = {f"{CPU_V1}/cpu.cfs_quota_us": "250000", f"{CPU_V1}/cpu.cfs_period_us": "100000"}
    assert limit("4:cpu:/\n0::/\n", mounts, files) == 2.5


@given(st.text(), st.text())
def test_what_no_kernel_writes_is_no_quota(cgroup: str, mounts: str) -> None:
    """A limit is absent there, and nothing fails."""
    assert limit(cgroup, mounts, {}) is None


def test_files_of_this_machine_are_read(tmp_path: Path) -> None:
    """One that is not there, or a folder, is None."""
    (tmp_path / "cpu.max").write_bytes(b"max 100000\n\xff")
    assert (read_file(str(tmp_path / "cpu.max")) or "").startswith("max 100000\n")
    assert read_file(str(tmp_path / "absent")) is None
    assert read_file(str(tmp_path)) is None
