"""What is said about a wrong JSON text: the path, the line and the hint."""

import doctest
import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from andon.bundle import json_text
from andon.bundle.json_text import (
    MAX_EXPLAINED_BYTES,
    Fault,
    explain_field,
    explain_syntax,
    one_line,
    quoted,
    repeated_key,
    show_path,
)


class Limit(Struct, forbid_unknown_fields=True):
    """A record within a mapping."""

    low: float
    high: Annotated[float, Meta(le=1)] = 1.0


class Recipe(Struct, forbid_unknown_fields=True):
    """A record with a list, a mapping and a choice."""

    name: Annotated[str, Meta(pattern=r"^[a-z]+(?!\n)$")] = "x"
    labels: list[str] = []
    limits: dict[Annotated[str, Meta(min_length=1)], Limit] = {}
    mode: Literal["fast", "slow"] = "fast"
    is_on: bool = False


def explained(text: str | bytes) -> Fault:
    """Decode a text as a recipe, which must fail, and explain why."""
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(data, type=Recipe)
    return explain_field(data, Recipe, caught.value)


def test_the_examples_are_true() -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(json_text).failed == 0


def test_the_message_ends_in_the_path() -> None:
    """Fields, positions and keys make a path, and its line is found."""
    text = json.dumps({"labels": ["a", "b"], "limits": {"red": {"low": 0}, "dark blue": {"low": None}}}, indent=1)
    fault = explained(text)
    assert fault.message == 'expected float, got null at $.limits["dark blue"].low'
    assert text.splitlines()[(fault.line or 0) - 1].strip() == '"low": null'
    assert fault.hint == ""


def test_the_guilty_key_of_many_is_named() -> None:
    """Wherever it stands among them."""
    for guilty in (0, 1, 500, 998, 999):
        limits: dict[str, Any] = {f"label {number}": {"low": 0.5} for number in range(1_000)}
        limits[f"label {guilty}"] = {"low": []}
        assert explained(json.dumps({"limits": limits})).message.endswith(f'at $.limits["label {guilty}"].low')


def test_the_first_of_two_faults_is_named() -> None:
    """As the parser met it."""
    assert "'b'" in explained('{"b": 1, "c": 1}').message
    assert explained('{"limits": {"x": {"low": null}, "y": {"low": null}}}').message.endswith("$.limits.x.low")


def test_a_wrong_key_is_named() -> None:
    """A complaint about the key itself ends in it."""
    fault = explained('{\n "limits": {"a": {"low": 1},\n "": {"low": 1}}}')
    assert fault.message == 'expected str of length >= 1 for the key $.limits[""]'
    assert fault.line == 3


@pytest.mark.parametrize("step", ["labels", "low", "a.b", "a]b", "[...]", "`", "é", "x\x1b", 'a"b'])
def test_any_key_can_be_part_of_a_path(step: str) -> None:
    """Whatever it holds, the path is printable and says which key it is."""
    fault = explained(json.dumps({"limits": {step: {"low": "x"}}}))
    assert fault.message == f"expected float, got str at {show_path(['limits', step, 'low'])}"
    assert fault.message.isprintable()


def test_a_fault_of_the_whole_has_no_path() -> None:
    """There is nothing to point at."""
    assert explained("[]") == Fault(message="expected object, got array")


def test_the_line_of_an_unknown_field_is_its_own() -> None:
    """Not that of the object around it."""
    assert explained('{\n"labels": [],\n"evil": 1}') == Fault(message="unknown field 'evil'", line=3)


def test_of_a_repeated_key_the_last_line_is_given() -> None:
    """It is the one that would count."""
    assert explained('{\n"mode": "fast",\n"mode": "x"}').line == 3


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"limits": {"x": {"low": "0.62"}}}', 'write 0.62, not "0.62"'),
        ('{"labels": "red"}', 'write ["red"], not "red"'),
        ('{"labels": [5]}', 'write "5", not 5'),
        ('{"labels": [true]}', 'write "true", not true'),
        ('{"labels": 5}', ""),
        ('{"is_on": "true"}', 'write true, not "true"'),
        ('{"limits": {"x": {"low": "high"}}}', ""),
        ('{"limits": {"x": {"low": 0, "high": 2}}}', ""),
        ('{"labls": []}', "did you mean 'labels'?"),
        ('{"limits": {"x": {"low": 0, "hihg": 1}}}', "did you mean 'high'?"),
        ('{"something": []}', ""),
        ('{"name": "a\\n"}', "take out the control characters"),
        ('{"name": "A"}', ""),
        ('{"labels": {"a": 1}}', ""),
        ('{"labels": [null]}', ""),
        (json.dumps({"labels": "x" * 81}), ""),
        (json.dumps({"labels": "x" * 80}), 'write ["' + "x" * 80 + '"], not "' + "x" * 80 + '"'),
    ],
)
def test_a_hint_is_given_where_it_is_plain(text: str, hint: str) -> None:
    """A hint is something that would be accepted, or there is none."""
    assert explained(text).hint == hint


def test_a_hint_is_true() -> None:
    """What it tells to write is no longer complained about."""
    fault = explained('{"labels": ["a", 5], "limits": {"x": {"low": "1"}}}')
    assert fault.hint == 'write "5", not 5'
    fault = explained('{"labels": ["a", "5"], "limits": {"x": {"low": "1"}}}')
    assert fault.hint == 'write 1, not "1"'
    msgspec.json.decode(b'{"labels": ["a", "5"], "limits": {"x": {"low": 1}}}', type=Recipe)


def test_a_name_that_poses_as_a_message_is_quoted() -> None:
    """The name of a field cannot point at another place."""
    fault = explained(json.dumps({"limits": {}, "x` - at `$.limits": 1}))
    assert fault.message == repr("Object contains unknown field `x` - at `$.limits`")
    assert fault.line is None


def test_a_large_text_is_explained_without_a_search() -> None:
    """Key, line and hint are left out; the message and the field remain."""
    text = json.dumps({"labels": ["x" * MAX_EXPLAINED_BYTES], "limits": {"a": {"low": "1"}}})
    assert explained(text) == Fault(message="expected float, got str at $.limits[...].low")


def test_a_text_that_breaks_off_later_is_explained() -> None:
    """A fault that comes before the text ends too early is said without line and key."""
    assert explained('{"limits": {"a": {"low": "1"}') == Fault(message="expected float, got str at $.limits[...].low")


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b'{\n"a": 1,,}', "object keys must be strings", 2),
        (b'{"a": 1} x', "trailing characters", 1),
        (b'{\n\n"a": \xff}', "byte 8 is not UTF-8", 3),
        (b"", "input data was truncated", None),
        (b"[" * 100_000, "nested too deeply", None),
    ],
)
def test_a_syntax_error_has_its_line(data: bytes, message: str, line: int | None) -> None:
    """The place that the decoder gives in bytes becomes a line."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)) as caught:
        msgspec.json.decode(data)
    fault = explain_syntax(data, caught.value)
    assert fault.message.startswith("not valid JSON: ")
    assert message in fault.message
    assert fault.line == line
    assert fault.hint == ""


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_lacks_gets_a_hint(literal: str) -> None:
    """Python and JavaScript write it all the same."""
    data = f'{{"a": [1, {literal}]}}'.encode()
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(data)
    assert explain_syntax(data, caught.value).hint == "JSON has no NaN and no Infinity; write a number"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "b": {"a": 1}}', None),
        ('[{"a": 1}, {"a": 1}]', None),
        ("1", None),
        ('{"a": 1, "a": 1}', "a"),
        ('{"x": [{"b": 1, "a": 2, "b": 3}]}', "b"),
        ('{"a": 1, "\\u0061": 1}', "a"),
        ('{"": 1, "": 1}', ""),
    ],
)
def test_a_repeated_key_is_found_at_any_depth(text: str, key: str | None) -> None:
    """Only within one object, and however it is spelt."""
    assert repeated_key(text.encode()) == key


@pytest.mark.parametrize("text", ["plain", "é 划痕", "x\x1b[2J", "a\nb", "\u202e", "'", "x" * 1_000, ""])
def test_foreign_text_is_quoted_for_a_terminal(text: str) -> None:
    """Printable, cut, and still to be recognised."""
    for shown in (quoted(text), one_line(text)):
        assert shown.isprintable()
        assert len(shown) <= 300
    assert len(quoted(text)) <= 90
    assert quoted("划痕") == "'划痕'"
    assert one_line("two\n  lines") == "two lines"
