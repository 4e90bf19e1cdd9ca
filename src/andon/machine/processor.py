"""What the processor calls itself: a measurement without it says nothing."""

import platform

from andon.machine.cgroup import Read, read_file


def processor_name(read: Read = read_file) -> str:
    """
    Name the processor as the kernel does; where it does not tell, name the kind of processor.

    Args:
        read: Gives the text of a file, None where there is none.
    """
    return name_in(read("/proc/cpuinfo") or "") or platform.machine() or "unknown"


def name_in(cpuinfo: str) -> str:
    r"""
    Find the name in `/proc/cpuinfo`; empty where it has none, as on ARM.

    >>> name_in("processor\t: 0\nmodel name\t: AMD EPYC 9755 128-Core Processor\n")
    'AMD EPYC 9755 128-Core Processor'
    """
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), "")
