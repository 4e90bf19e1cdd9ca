"""Devices are written in one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import UsageError
from andon.settings.devices import card_number, kind_of, parse_device, parse_devices

WRONG = [
    "",
    " ",
    "gpu",
    "CPU",
    "cuda:",
    "cuda:-1",
    "cuda:01",
    "cuda:1.0",
    "cuda:99999",
    "cuda 1",
    "cuda:\u0661",
    "auto",
]


def test_a_device_is_the_cpu_or_a_card() -> None:
    """`cuda` alone is the first card; kind and number are read off."""
    assert [parse_device(text) for text in ("cpu", "cuda", "cuda:0", "cuda:12")] == [
        "cpu",
        "cuda:0",
        "cuda:0",
        "cuda:12",
    ]
    assert (kind_of("cpu"), kind_of("cuda"), kind_of("cuda:3")) == ("cpu", "cuda", "cuda")
    assert (card_number("cuda"), card_number("cuda:3")) == (0, 3)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_device_is_refused(text: str) -> None:
    """The message says what is expected."""
    for read in (parse_device, kind_of, card_number):
        with pytest.raises(UsageError, match="expected cpu, cuda or cuda:N") as caught:
            read(text)
        assert caught.value.code == "usage.argument"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("auto", ("auto",)),
        ("cpu", ("cpu",)),
        ("cuda", ("cuda",)),
        ("cuda:1", ("cuda:1",)),
        ("cuda:1, cuda:0", ("cuda:1", "cuda:0")),
    ],
)
def test_several_are_a_list_or_one_word(text: str, words: tuple[str, ...]) -> None:
    """In the order given; blanks beside commas do not matter."""
    assert parse_devices(text) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got ''"),
        ("cuda:0,", "got '' in 'cuda:0,'"),
        ("cuda:x", "got 'cuda:x'"),
        ("cuda:0;cuda:1", "cuda:0,cuda:1, got 'cuda:0;cuda:1'\n"),
        ("cuda:0,cuda:0", "cuda:0 stands twice"),
        ("cpu,cpu", "got 'cpu'"),
        ("cpu,cuda:0", "are not mixed"),
        ("cuda,cuda:1", "got 'cuda' in"),
        ("auto,cpu", "got 'auto' in"),
        ("x" * 5000, "expected auto, cpu, cuda, or cards like cuda:0,cuda:1"),
    ],
)
def test_a_list_that_means_nothing_is_refused(text: str, said: str) -> None:
    """With the word that is at fault, and in a message of bounded length."""
    with pytest.raises(UsageError) as caught:
        parse_devices(text)
    assert said in str(caught.value)
    assert caught.value.code == "usage.argument"
    assert len(str(caught.value)) < 500


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else comes out, and what is read once is read again as the same."""
    for read in (parse_device, parse_devices):
        try:
            found = read(text)
        except UsageError:
            continue
        assert read(",".join([found] if isinstance(found, str) else found)) == found
