"""`andon serve`: bundles over HTTP. Its options are made from the declaration of the settings."""

import inspect
import logging
import os
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import typer

from andon.cli.options import AsJson
from andon.cli.output import say, write_json, write_table
from andon.errors import UsageError
from andon.settings.limits import Limits
from andon.settings.meanings import meanings
from andon.settings.serve import SECRETS, ServeSettings
from andon.settings.sources import Resolved, choices_of, flag_of, resolve

if TYPE_CHECKING:
    from andon.service import Service

TABLE = "serve"
"""The table of a TOML file that holds these settings."""

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help="Bundles; /run and /predict use the first.", show_default=False),
]
Null = Annotated[bool, typer.Option("--null", help="Serve a model that answers `null`, before there is a real one.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="TOML", help=f"Read settings from its table [{TABLE}].", show_default=False),
]
ShowSettings = Annotated[
    bool, typer.Option("--show-settings", help="Show each setting with where it was set, and stop.")
]


def serve(
    files: Files = None,
    *,
    null: Null = False,
    settings: SettingsFile = None,
    show_settings: ShowSettings = False,
    as_json: AsJson = False,
    **flags: Any,
) -> None:
    """
    Serve bundles over HTTP.

    The port answers at once; /ready is true when every model has proven itself. Each setting can be
    given as a flag, in the environment as ANDON_ and its name, or in a TOML file, in this order.
    """
    resolved = resolve(ServeSettings, flags, os.environ, settings, table=TABLE)
    if show_settings:
        _show(resolved, as_json=as_json)
        return
    if as_json:
        raise UsageError("--json shows settings, so it needs --show-settings", code="usage.argument")
    _serve([*(files or []), *([None] if null else [])], resolved.settings)


def _serve(paths: "list[str | None]", settings: ServeSettings) -> None:
    from andon.engine.make import make_engine
    from andon.machine.memory import return_large_buffers
    from andon.service import Service
    from andon.web.listening import bind, url_of
    from andon.web.server import Server, leave_if_computing

    with bind(settings) as listener:
        return_large_buffers()
        service = Service(make_engine(settings), paths, settings)
        logging.getLogger("andon.access").setLevel(logging.INFO)
        server = Server(service, on_ready=lambda: say(*_what_is_ready(service)))
        server.take_signals()
        say(f"listening on {url_of(listener)}")
        server.run(listener)
    say("ended")
    leave_if_computing()


def _what_is_ready(service: "Service") -> list[str]:
    lines = []
    for status in service.models():
        if status.loaded is None:
            continue
        execution, proof = status.loaded.execution, status.loaded.proof
        proven = f"{proof.samples} golden samples reproduced" if proof else "nothing to prove"
        lines.append(
            f"{status.state}: {status.name}:{status.loaded.version} on {execution.runtime} {execution.precision} "
            f"{', '.join(status.loaded.devices)}, {proven}"
        )
    return lines


def _show(resolved: Resolved[ServeSettings], *, as_json: bool) -> None:
    rows = []
    for name, value in msgspec.structs.asdict(resolved.settings).items():
        shown = "(set)" if name in SECRETS and value is not None else value
        rows.append((name, shown, resolved.sources[name]))
    if as_json:
        write_json({name: {"value": value, "source": source} for name, value, source in rows})
        return
    write_table(("setting", "value", "source"), ((name, _in_words(value), source) for name, value, source in rows))


def _in_words(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_settings_as_options(command: Any) -> Any:
    """Give a command, which takes `**flags`, an option for each setting."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    texts = meanings(ServeSettings)
    # The bounds, which are inherited, come last: few people need them.
    fields = sorted(msgspec.structs.fields(ServeSettings), key=lambda field: hasattr(Limits, field.name))
    options = [_option(field, texts.get(field.name, "")) for field in fields]
    command.__signature__ = signature.replace(parameters=[*own, *options])
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *options)}
    return command


def _option(field: Any, text: str) -> inspect.Parameter:
    plain = _plain_type(field.type)
    flag = flag_of(field.name)
    names = (f"{flag}/--no-{flag[2:]}",) if plain is bool else (flag,)
    option = typer.Option(
        *names,
        metavar=None
        if plain is bool
        else "|".join(choices_of(field.type)) or {int: "N", float: "SECONDS"}.get(plain, "TEXT"),
        help=text.replace("`", "") + ("" if field.default in (None, False) else f"  [default: {field.default}]"),
        # The option itself has none: a value means that the flag was given.
        show_default=False,
    )
    annotation = Annotated[plain | None, option]  # type: ignore[valid-type] # made at run time
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _plain_type(kind: Any) -> Any:
    """Give the type behind annotations and `| None`; choices are text, which is checked where flags are resolved."""
    if get_origin(kind) is Annotated:
        return _plain_type(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return str
    if get_origin(kind) in (Union, UnionType):
        return next(_plain_type(choice) for choice in get_args(kind) if choice is not NoneType)
    return kind


_with_settings_as_options(serve)
