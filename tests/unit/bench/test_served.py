"""A real `andon serve` of its own."""

import urllib.error
import urllib.request

import pytest

from andon.bench.served import serving
from andon.errors import EnvironmentFault


@pytest.mark.slow
def test_it_answers_within_and_is_gone_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a port that was free, and without the token that the settings of this machine may have."""
    monkeypatch.setenv("ANDON_TOKEN", "t" * 20)
    with serving(["--null", "--workers", "0"]) as url, urllib.request.urlopen(f"{url}/models") as answer:  # noqa: S310
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/live")  # noqa: S310


@pytest.mark.slow
def test_one_that_ends_is_told_with_its_last_words() -> None:
    """So that nobody has to start it by hand to see why."""
    with pytest.raises(EnvironmentFault, match="max_batch") as refused, serving(["--null", "--max-batch", "0"]):
        pass
    assert refused.value.code == "environment.service"
