"""
What is wrong in a JSON text, said so that its author finds the place: path, line and hint.

The texts are hostile until they have been read: whatever is quoted from them is cut and made
printable. It knows nothing of bundles.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

MAX_EXPLAINED_BYTES = 1024 * 1024
"""A larger text is refused without key, line and hint, so that refusing stays cheap."""
_MAX_QUOTED = 80
_MAX_SENTENCE = 300

Step = str | int
"""One step into a JSON value: a key or a position."""


class Fault(Struct, frozen=True, kw_only=True):
    """What is wrong, for people; no program decides by it."""

    message: str
    line: int | None = None
    """Counted from 1; None where it is not known."""
    hint: str = ""


def quoted(text: str) -> str:
    r"""
    Quote foreign text for a message: printable, at most 80 characters.

    >>> print(quoted("crack\x1b[2J"))
    'crack\x1b[2J'
    """
    return repr(_cut(text, _MAX_QUOTED))


def one_line(text: str) -> str:
    """Make a foreign message fit for ours: one printable line of at most 300 characters."""
    line = " ".join(text.split())
    return _cut(line if line.isprintable() else repr(line)[1:-1], _MAX_SENTENCE)


def repeated_key(data: bytes) -> str | None:
    """
    Give a key that occurs twice in one object of a valid JSON text, None where there is none.

    Some parsers keep the last value, some the first, so such a text says different things to
    different readers.
    """
    repeated: list[str] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) != len(pairs):
            repeated.append(Counter(key for key, _ in pairs).most_common(1)[0][0])
        return built

    json.loads(data.decode(), object_pairs_hook=build)
    return repeated[0] if repeated else None


def explain_syntax(data: bytes, error: Exception) -> Fault:
    """
    Explain why a text is not JSON.

    Args:
        data: The text that was refused.
        error: What the decoder raised.
    """
    try:
        data.decode()
    except UnicodeDecodeError as found:
        return Fault(message=f"not valid JSON: byte {found.start} is not UTF-8", line=_line(data, found.start))
    if isinstance(error, RecursionError):
        return Fault(message="not valid JSON: it is nested too deeply")
    what = one_line(str(error).removeprefix("JSON is malformed: "))
    place = re.search(r"\(byte (\d+)\)$", what)
    constant = place and re.match(rb"-?(?:NaN|Infinity)", data[max(0, int(place[1]) - 1) :].lstrip(b" :,["))
    return Fault(
        message=f"not valid JSON: {what[0].lower()}{what[1:]}",
        line=_line(data, int(place[1])) if place else None,
        hint="JSON has no NaN and no Infinity; write a number" if constant else "",
    )


def explain_field(data: bytes, kind: type[Any], error: msgspec.ValidationError) -> Fault:
    """
    Explain why a JSON text does not fit a type.

    Args:
        data: The text that was refused.
        kind: The type that it should have been.
        error: What msgspec said; it leaves out the keys of mappings, which are found here.

    Returns:
        A message that ends in the path of the field, such as `$.decision.thresholds["scratch"].low`.
    """
    complaint = _Complaint(str(error))
    text = data.decode(errors="replace")
    document = _load(text)
    steps = _resolve(document, kind, complaint)
    if steps is None:
        return Fault(message=complaint.sentence(complaint.path))
    places = [*steps, *complaint.unknown_field]
    if _follow(document, places) is _ABSENT:
        # The name of a field is written like a message of msgspec, and would lead astray.
        return Fault(message=quoted(str(error)))
    return Fault(
        message=complaint.sentence(show_path(steps)),
        line=_line_of_field(text, places) if places else None,
        hint=_hint(document, kind, complaint, steps),
    )


def show_path(steps: Sequence[Step]) -> str:
    """
    Write steps as a path.

    >>> show_path(["decision", "thresholds", "deep scratch", "low"])
    '$.decision.thresholds["deep scratch"].low'
    """
    shown = "$"
    for step in steps:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_]\w{0,40}", step, re.ASCII):
            shown += f".{step}"
        else:
            shown += f"[{_dumped(_cut(step, _MAX_QUOTED))}]"
    return shown


class _Complaint:
    """A message of msgspec taken apart: "what - at `path`", in which `[...]` stands for any key."""

    _UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`(?: - at (`\$[^`]*`))?", re.DOTALL)

    def __init__(self, text: str) -> None:
        unknown = self._UNKNOWN_FIELD.fullmatch(text)
        if unknown:
            what, place = f"unknown field {quoted(unknown[1])}", unknown[2]
        else:
            what, _, place = text.rpartition(" - at ") if " - at `" in text else (text, "", "")
            # The look-ahead only keeps Python's `$` from passing a last line break.
            what = one_line(what.replace("`", "").replace(r"(?!\\n)$", "$"))
        self._what = what
        self.unknown_field = [unknown[1]] if unknown else []
        self.is_of_key = (place or "").startswith("`key` in ")
        self.path = (place or "`$`").removeprefix("`key` in ").strip("`")

    def sentence(self, path: str) -> str:
        what = self._what[:1].lower() + self._what[1:]
        if self.is_of_key:
            return f"{what} for the key {path}"
        return what if path == "$" else f"{what} at {one_line(path)}"


def _complaint_about(document: Any, kind: type[Any]) -> _Complaint | None:
    """Give the first complaint about plain data, None where it fits the type."""
    try:
        msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        return _Complaint(str(error))
    return None


_ABSENT = object()


def _load(text: str) -> Any:
    """Parse a text of moderate size as plain data."""
    try:
        return json.loads(text) if len(text) <= MAX_EXPLAINED_BYTES else _ABSENT
    except (ValueError, RecursionError):
        return _ABSENT


def _resolve(document: Any, kind: type[Any], complaint: _Complaint) -> list[Step] | None:
    """Turn the path of a complaint into steps, None where it leads nowhere."""
    steps: list[Step] = []
    path = complaint.path + "[...]" * complaint.is_of_key
    for name, position, any_key in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])", path):
        step = _guilty_key(document, kind, complaint, steps) if any_key else name or int(position)
        if step is None:
            return None
        steps.append(step)
    return None if _follow(document, steps) is _ABSENT else steps


def _guilty_key(document: Any, kind: type[Any], complaint: _Complaint, steps: Sequence[Step]) -> str | None:
    """Find the key of a mapping that a complaint is about, leaving out half of the suspects at a time."""
    mapping = _follow(document, steps)
    if not isinstance(mapping, dict):
        return None
    whole = dict(mapping)

    def is_guilty(keys: Sequence[str]) -> bool:
        mapping.clear()
        mapping.update({key: whole[key] for key in keys})
        found = _complaint_about(document, kind)
        return found is not None and (found.path, found.is_of_key) == (complaint.path, complaint.is_of_key)

    suspects = list(whole)
    found = is_guilty(suspects)
    while found and len(suspects) > 1:
        half = len(suspects) // 2
        suspects = suspects[:half] if is_guilty(suspects[:half]) else suspects[half:]
    mapping.clear()
    mapping.update(whole)
    return suspects[0] if found else None


def _follow(value: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return _ABSENT
    return value


def _hint(document: Any, kind: type[Any], complaint: _Complaint, steps: Sequence[Step]) -> str:
    """Say what to write instead, where that is plain."""
    if complaint.unknown_field:
        similar = difflib.get_close_matches(complaint.unknown_field[0][:_MAX_QUOTED], _field_names(kind), 1)
        return f"did you mean {similar[0]!r}?" if similar else ""
    value = _follow(document, steps)
    if not steps or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, str) and re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        return "take out the control characters"
    parent = _follow(document, steps[:-1])
    for other in _rewritten(value):
        parent[steps[-1]] = other
        remaining = _complaint_about(document, kind)
        if remaining is None or not remaining.path.startswith(complaint.path):
            return f"write {_dumped(other)}, not {_dumped(value)}"
    return ""


def _rewritten(value: str | float) -> Iterator[Any]:
    """Give what the author may have meant: the other kind of scalar, or a list of one."""
    if len(str(value)) > _MAX_QUOTED:
        return
    other = _load(value) if isinstance(value, str) else json.dumps(value)
    if other is not _ABSENT:
        yield other
    yield [value]


def _field_names(kind: type[Any]) -> list[str]:
    definitions = msgspec.json.schema(kind).get("$defs", {})
    return sorted({name for definition in definitions.values() for name in definition.get("properties", ())})


def _line_of_field(text: str, steps: Sequence[Step]) -> int:
    """Give the line on which a field begins; the text is valid JSON and the field is there."""
    position = _skip_space(text, 0)
    for step in steps:
        position = _enter(text, position, step)
    return text.count("\n", 0, position) + 1


def _enter(text: str, position: int, step: Step) -> int:
    """Go from the start of an object or array to the start of one of its values; of a repeated key to the last."""
    is_object = text[position] == "{"
    found, index = position, 0
    position = _skip_space(text, position + 1)
    while text[position] not in "}]":
        key: Step = index
        if is_object:
            key, position = _DECODER.raw_decode(text, position)
            position = _skip_space(text, _skip_space(text, position) + 1)
        if key == step:
            found = position
        position = _skip_space(text, _DECODER.raw_decode(text, position)[1])
        if text[position] == ",":
            position = _skip_space(text, position + 1)
        index += 1
    return found


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _dumped(value: Any) -> str:
    """Write a small value as printable JSON."""
    return json.dumps(value, ensure_ascii=not str(value).isprintable())


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
