"""Requests, answers and their ids."""

import pytest

from andon.web.messages import choose_request_id


@pytest.mark.parametrize("offered", ["a", "line-3/part:00017", "f" * 128, "A_b.c=d+e@f"])
def test_a_sane_request_id_is_kept(offered: str) -> None:
    """What a client may look for later comes back unchanged."""
    assert choose_request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", " ", "a b", "a\r\nSet-Cookie: x", "a\n", "f" * 129, "café", "${jndi:x}"])
def test_any_other_request_id_is_replaced(offered: str | None) -> None:
    """Nothing that could break a header or a line of the log is taken over."""
    made = choose_request_id(offered)
    assert len(made) == 32
    assert int(made, 16) >= 0


def test_each_request_gets_an_id_of_its_own() -> None:
    """Made ids differ."""
    assert choose_request_id(None) != choose_request_id(None)
