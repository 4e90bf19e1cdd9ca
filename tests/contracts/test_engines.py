"""Every engine keeps the contract of `andon.engine.base`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from andon.engine.base import Engine
from andon.settings.serve import ServeSettings
from andon.testing import ENGINE_CHECKS, EngineSpecimen
from tests.support.engines import RED
from tests.support.gates import ThreadGate, gated_engine, gated_runtime
from tests.support.process_gate import gated_pool, process_gate

Make = Callable[[ServeSettings], Engine]

ENGINES: dict[str, tuple[Make, Callable[[], AbstractContextManager[ThreadGate]]]] = {
    "local": (gated_engine, gated_runtime),
    "pool": (gated_pool, process_gate),
}
"""How an engine whose models wait at a gate is made, and the gate."""


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_keeps_its_contract(engine: str, check: Callable[[EngineSpecimen], None], colours: Path) -> None:
    """What the docstring of the check says."""
    make, shut = ENGINES[engine]
    with shut() as gate:
        check(EngineSpecimen(make=make, path=str(colours), image=RED, label="red", gate=gate))
