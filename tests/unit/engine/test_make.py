"""The settings say which engine there is."""

import pytest

from andon.engine.local import LocalEngine
from andon.engine.make import make_engine
from andon.engine.pool import PoolEngine
from andon.errors import EnvironmentFault
from andon.settings.serve import ServeSettings


@pytest.mark.parametrize(("workers", "kind"), [(0, LocalEngine), (None, PoolEngine), (1, PoolEngine), (7, PoolEngine)])
def test_without_worker_processes_threads_compute(workers: int | None, kind: type) -> None:
    """With some, or where nothing is said, they do; nothing is started before the first bundle is loaded."""
    engine = make_engine(ServeSettings(workers=workers))
    assert type(engine) is kind
    assert engine.statistics().queued == 0
    engine.close(0.0)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_card_that_is_not_there_is_refused(workers: int) -> None:
    """By either engine, before anything is started."""
    with pytest.raises(EnvironmentFault) as caught:
        make_engine(ServeSettings(workers=workers, devices="cuda:999"))
    assert caught.value.code == "environment.device"
