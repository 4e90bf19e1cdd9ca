"""What is known of the machine that a measurement runs on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from andon import __version__
from andon.bench.report import Machine
from andon.machine import available_cores
from andon.machine.cgroup import Read, read_file
from andon.machine.processor import processor_name

_LIBRARIES = ("onnxruntime", "openvino", "torch", "numpy", "pillow", "uvicorn", "uvloop", "httptools")


def read_facts(read: Read = read_file) -> Machine:
    """
    Look at this machine.

    Args:
        read: Gives the text of a file, None where there is none.
    """
    return Machine(
        processor=processor_name(read),
        cores=available_cores(),
        load_before=round(os.getloadavg()[0], 2),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        andon=__version__,
        libraries={name: found for name in _LIBRARIES if (found := _version(name))},
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
