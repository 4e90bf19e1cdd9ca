"""What plug-ins of Andon must keep, as checks for anybody's own."""

from andon.testing.runtimes import RUNTIME_CHECKS, Specimen, check_runtime

__all__ = ["RUNTIME_CHECKS", "Specimen", "check_runtime"]
