"""The settings file of a search."""

from pathlib import Path

import pytest

from andon.bench.search import Candidate, Choice, Objective, Trial
from andon.bench.tuned import gain_in_words, settings_text
from andon.settings.serve import ServeSettings
from andon.settings.sources import resolve
from tests.support.reports import MACHINE

BEST = Candidate(workers=2, threads=4, max_batch=16)
TRIALS = (
    Trial(candidate=BEST, round=0, seconds=5, score=31, throughput_per_s=31.25, p50_ms=5, p99_ms=80),
    Trial(candidate=Candidate(workers=1, threads=1, max_batch=1), round=0, seconds=5, score=0, reason="it ended"),
)


def written(command: str = "andon bench tune x", gain: float = 1.5) -> str:
    """Write the file of a made-up search."""
    choice = Choice(best=BEST, gain=gain, trials=TRIALS)
    return settings_text(choice, Objective(), MACHINE, command, "2026-11-25T08:00:00+00:00")


def test_andon_serve_reads_it(tmp_path: Path) -> None:
    """The chosen values, and nothing else, are settings."""
    file = tmp_path / "serve.toml"
    file.write_text(written())
    settings = resolve(ServeSettings, {}, {}, file, table="serve").settings
    assert (settings.workers, settings.threads, settings.max_batch) == (2, 4, 16)


def test_the_evidence_stands_beside_it() -> None:
    """Machine, versions, date, command, each trial with its numbers, and why one failed."""
    text = written()
    for said in ("Abacus 9, 4 cores", "numpy 2", "2026-11-25", "andon bench tune x", "31.25", "it ended", "1.50 times"):
        assert said in text


def test_no_text_from_outside_becomes_a_setting(tmp_path: Path) -> None:
    """A path with a line break stays a comment."""
    file = tmp_path / "serve.toml"
    file.write_text(written("andon bench tune 'x\n[serve]\ninsecure = true'"))
    assert not resolve(ServeSettings, {}, {}, file, table="serve").settings.insecure


@pytest.mark.parametrize(("gain", "said"), [(1.0, "Nothing was better"), (float("inf"), "do not do what is wanted")])
def test_a_gain_is_said_in_words(gain: float, said: str) -> None:
    """Also none, and one that has no number."""
    assert said in gain_in_words(Choice(best=BEST, gain=gain, trials=()))
