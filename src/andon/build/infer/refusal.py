"""How a transform whose preparation was not found is refused: with the reason, the best guess and the ways out."""

from typing import Any

import msgspec

from andon.bundle.input_spec import InputSpec
from andon.errors import PackError

_WAYS_OUT = (
    "say what the transform does with input={...}; a step that cannot be declared belongs into the network, "
    'or with the whole transform into an installed package: prepare="package.module:function"'
)


def not_found(reason: str, *, where: str = "", guess: InputSpec | None = None) -> PackError:
    """
    Build the error that asks for the declaration.

    Args:
        reason: What the transform does that no declaration was found for.
        where: The image that shows it.
        guess: The declaration that comes nearest, which is shown ready to be pasted.
    """
    nearest = (
        "" if guess is None else f"; the nearest declaration, which is not the same, is input={declaration(guess)}"
    )
    return PackError(
        f"what the transform does was not found: {reason}{nearest}", code="pack.input", where=where, hint=_WAYS_OUT
    )


def declaration(spec: InputSpec) -> str:
    """Write a declaration as JSON to be pasted, without what is so by default."""
    return msgspec.json.encode(_told(spec)).decode()


def _told(part: msgspec.Struct) -> dict[str, Any]:
    """Give the fields of a part that differ from their defaults, or have none."""
    told: dict[str, Any] = {}
    tag = part.__struct_config__
    if tag.tag_field is not None:
        told[tag.tag_field] = tag.tag
    for field in msgspec.structs.fields(part):
        value = getattr(part, field.name)
        if value != field.default:
            told[field.name] = _told(value) if isinstance(value, msgspec.Struct) else value
    return told
