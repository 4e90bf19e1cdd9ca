"""Which engine a service gets."""

from andon.engine.base import Engine
from andon.engine.local import LocalEngine
from andon.engine.pool import PoolEngine
from andon.settings.serve import ServeSettings


def make_engine(settings: ServeSettings) -> Engine:
    """
    Make the engine that the settings ask for: `pool`, or `local` where they want no worker processes.

    Raises:
        EnvironmentFault: `environment.device`: a card of the settings is not there.
    """
    return LocalEngine(settings) if settings.workers == 0 else PoolEngine(settings)
