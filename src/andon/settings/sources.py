"""Where the value of a setting comes from: flag, environment, TOML file or default, in this order."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import msgspec

from andon.errors import UsageError

PREFIX = "ANDON_"
"""What the name of an environment variable begins with: `ANDON_PORT` sets `port`."""
MAX_FILE_BYTES = 1024 * 1024

_SettingsT = TypeVar("_SettingsT", bound=msgspec.Struct)


class Resolved(msgspec.Struct, Generic[_SettingsT], frozen=True, kw_only=True):
    """Settings, and where each was set."""

    settings: _SettingsT
    sources: Mapping[str, str]
    """By name: `--port`, `ANDON_PORT`, the path of a file, or `default`."""


def resolve(
    kind: type[_SettingsT], flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None, *, table: str
) -> Resolved[_SettingsT]:
    """
    Put settings together.

    Args:
        kind: Their declaration.
        flags: Values by name; None for one that was not given.
        environment: Variables of other names are not looked at; an empty one counts as not set.
        file: A TOML file, or None.
        table: The table of the file that holds these settings.

    Raises:
        UsageError: `usage.setting`: a value is of the wrong type or out of range, or the file has
            a setting that does not exist; `usage.path`: the file cannot be read or is not TOML.
    """
    names = [field.name for field in msgspec.structs.fields(kind)]
    stated = _read_table(file, table) if file else {}
    for name in stated:
        if name not in names:
            raise _unknown(name, names, f"{file}, [{table}]")
    values: dict[str, Any] = {}
    sources = dict.fromkeys(names, "default")
    for field in msgspec.structs.fields(kind):
        name, variable, flag = field.name, variable_of(field.name), flag_of(field.name)
        if flags.get(name) is not None:
            sources[name] = flag
            values[name] = _convert(kind, field, flags[name], flag, is_text=True)
        elif environment.get(variable):
            sources[name] = variable
            values[name] = _convert(kind, field, environment[variable], variable, is_text=True)
        elif name in stated:
            sources[name] = str(file)
            values[name] = _convert(kind, field, stated[name], str(file), is_text=False)
    return Resolved(settings=kind(**values), sources=sources)


def variable_of(name: str) -> str:
    """
    Give the environment variable of a setting.

    >>> variable_of("max_body_bytes")
    'ANDON_MAX_BODY_BYTES'
    """
    return PREFIX + name.upper()


def flag_of(name: str) -> str:
    """
    Give the flag of a setting.

    >>> flag_of("max_body_bytes")
    '--max-body-bytes'
    """
    return "--" + name.replace("_", "-")


def _convert(
    kind: type[msgspec.Struct], field: msgspec.structs.FieldInfo, value: object, source: str, *, is_text: bool
) -> object:
    """Check one value; text of a flag or a variable stands for something else, a TOML file has types."""
    try:
        converted = msgspec.convert(value, field.type, strict=not is_text)
        kind(**{field.name: converted})
    except UsageError as error:
        # What the settings themselves say of a value does not know where that was set.
        message = f"{field.name}: {error.message}"
        raise UsageError(message, code="usage.setting", where=source, hint=error.hint) from None
    except msgspec.ValidationError as error:
        message = str(error).replace(" | null`", "`")  # of a setting that may be absent, nobody writes null
        raise UsageError(
            f"{field.name}: {message[:1].lower()}{message[1:]}",
            code="usage.setting",
            where=source,
            hint=_hint(field, value),
        ) from None
    return converted


def _hint(field: msgspec.structs.FieldInfo, value: object) -> str:
    if field.name == "port" and str(value).startswith("tcp://"):
        # https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
        return "Kubernetes sets this variable for a Service called andon; give --port, or set enableServiceLinks: false"
    if choices := choices_of(field.type):
        return f"give {' or '.join(choices)}"
    return "`andon serve --help` says what each setting takes"


def choices_of(kind: Any) -> tuple[str, ...]:
    """
    List the words between which a setting, which may be absent, lets one choose; none where it takes any.

    >>> choices_of(Literal["fp32", "bf16"] | None)
    ('fp32', 'bf16')
    """
    return next((get_args(choice) for choice in (kind, *get_args(kind)) if get_origin(choice) is Literal), ())


def _read_table(file: Path, table: str) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise ValueError(f"more than {MAX_FILE_BYTES} bytes")
        document = tomllib.loads(raw.decode())
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", code="usage.path", where=str(file)) from None
    except ValueError as error:
        raise UsageError(f"is not TOML: {error}", code="usage.path", where=str(file)) from None
    for name in document:
        if name != table:
            raise _unknown(name, [table], str(file))
    found = document.get(table, {})
    if not isinstance(found, dict):
        raise UsageError(f"{table} is not a table", code="usage.setting", where=str(file), hint=f"begin with [{table}]")
    return found


def _unknown(name: str, known: list[str], where: str) -> UsageError:
    near = get_close_matches(name, known, n=1)
    return UsageError(
        f"there is no setting {name!r}",
        code="usage.setting",
        where=where,
        hint=f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}",
    )
