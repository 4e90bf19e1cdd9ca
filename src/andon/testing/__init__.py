"""What plug-ins of Andon must keep, as checks for anybody's own."""

from andon.testing.engines import ENGINE_CHECKS, EngineSpecimen, Gate, check_engine
from andon.testing.runtimes import RUNTIME_CHECKS, Specimen, check_runtime

__all__ = ["ENGINE_CHECKS", "RUNTIME_CHECKS", "EngineSpecimen", "Gate", "Specimen", "check_engine", "check_runtime"]
