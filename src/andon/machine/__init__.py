"""What this process may compute with on this machine; importing looks at nothing."""

from andon.machine.cores import available_cores
from andon.machine.machine import Machine, read_machine

__all__ = ["Machine", "available_cores", "read_machine"]
