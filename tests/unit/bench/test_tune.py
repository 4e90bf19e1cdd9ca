"""Settings are found with real services."""

from pathlib import Path

import pytest

from andon.bench import tune as module
from andon.bench.measure import Talk
from andon.bench.requests import Image
from andon.bench.search import Candidate, Objective, Trial, default_candidate
from andon.bench.tune import TuneOptions, labels_of, plan_of, tune
from andon.errors import EnvironmentFault, ImageError
from tests.support.bundles import colour_image, encode, write_colours

IMAGES = [Image(name, encode(colour_image(rgb))) for name, rgb in (("r", (200, 30, 30)), ("g", (30, 200, 30)))]
OPTIONS = TuneOptions(objective=Objective(), seconds=0.2, cores=1)
OTHER = Candidate(workers=1, threads=1, max_batch=1)


def talk() -> Talk:
    """Give somebody who does not listen."""
    return Talk(command="andon bench tune", progress=lambda _passed, _of: None, on_wait=lambda: None)


@pytest.mark.slow
def test_real_services_are_measured_and_a_choice_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial is told, and all have good answers."""
    monkeypatch.setattr(module, "candidates", lambda _cores: [OTHER])
    told: list[Trial] = []
    choice = tune(write_colours(tmp_path / "c.andon"), IMAGES, OPTIONS, talk(), told=told.append)
    assert choice.trials == tuple(told)
    assert {trial.candidate for trial in told} == {OTHER, default_candidate(1)}
    assert all(trial.score > 0 for trial in told)


@pytest.mark.slow
def test_settings_that_do_not_serve_are_a_result_and_the_default_ones_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is kept."""
    bundle = write_colours(tmp_path / "c.andon")
    broken = Candidate(workers=1, threads=1, max_batch=0)
    monkeypatch.setattr(module, "candidates", lambda _cores: [broken])
    choice = tune(bundle, IMAGES, OPTIONS, talk(), told=lambda _trial: None)
    assert choice.best == default_candidate(1)
    assert "[environment.service]" in choice.trials[0].reason
    monkeypatch.setattr(module, "default_candidate", lambda _cores: broken)
    with pytest.raises(EnvironmentFault):
        tune(bundle, IMAGES, OPTIONS, talk(), told=lambda _trial: None)


def test_services_are_held_to_what_the_bundle_says_here(tmp_path: Path) -> None:
    """An image that it cannot use is refused before anything is started."""
    bundle = write_colours(tmp_path / "c.andon")
    assert labels_of(bundle, IMAGES) == ("red", "green")
    with pytest.raises(ImageError) as refused:
        labels_of(bundle, [Image("odd.png", b"no image")])
    assert refused.value.where == "odd.png"


def test_the_load_is_that_of_the_objective() -> None:
    """Closed, with enough connections for the largest batch, or at the rate."""
    assert plan_of(OPTIONS, 5).connections >= 16
    plan = plan_of(TuneOptions(objective=Objective(p99_ms=9, rate=50), seconds=1, cores=1), 5)
    assert (plan.rate, plan.duration_s, plan.warm_up_s) == (50, 5, 1)
