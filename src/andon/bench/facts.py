"""What is known of the machine that a measurement runs on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from andon import __version__
from andon.bench.report import Machine
from andon.machine import available_cores
from andon.machine.cgroup import Read, read_file

_LIBRARIES = ("onnxruntime", "openvino", "torch", "numpy", "pillow", "uvicorn", "uvloop", "httptools")


def read_facts(read: Read = read_file) -> Machine:
    """
    Look at this machine.

    Args:
        read: Gives the text of a file, None where there is none.
    """
    return Machine(
        processor=processor(read("/proc/cpuinfo") or "") or platform.processor() or "unknown",
        cores=available_cores(),
        load_before=round(os.getloadavg()[0], 2),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        andon=__version__,
        libraries={name: found for name in _LIBRARIES if (found := _version(name))},
    )


def processor(cpuinfo: str) -> str:
    r"""
    Read the name of the first processor; empty where none is told, as on some ARM boards.

    >>> processor("processor\t: 0\nmodel name\t: AMD EPYC 9R45\n")
    'AMD EPYC 9R45'
    """
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
