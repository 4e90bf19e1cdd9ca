"""Every engine keeps the contract of `andon.engine.base`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from andon.testing import ENGINE_CHECKS, EngineSpecimen
from tests.support.engines import RED
from tests.support.gates import gated_engine, gated_runtime

ENGINES = {"local": gated_engine}
"""How an engine whose models wait at a gate is made."""


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES)
def test_an_engine_keeps_its_contract(
    make: Callable[..., object], check: Callable[[EngineSpecimen], None], colours: Path
) -> None:
    """What the docstring of the check says."""
    with gated_runtime() as gate:
        check(EngineSpecimen(make=make, path=str(colours), image=RED, label="red", gate=gate))
