"""A model on each of the devices that were chosen; on the CPU, where that is allowed and no card does."""

import logging
from collections.abc import Callable, Mapping

from andon.engine.placement import Choice
from andon.errors import AndonError, EnvironmentFault, ProofError, RuntimeFault
from andon.model.model import Model
from andon.settings.devices import CPU

logger = logging.getLogger("andon")


def load_copies(load: Callable[[str], Model], choice: Choice) -> Mapping[str, Model]:
    """
    Load a model once for each device, one after the other.

    Args:
        load: Loads and proves it on a device.
        choice: The devices. Where it may fall back, cards that do not do are left out with a
            warning in the log `andon`, and if none does the CPU is used.

    Returns:
        The copies by device, at least one.

    Raises:
        AndonError: As `load` does.
    """
    copies: dict[str, Model] = {}
    failures: dict[str, AndonError] = {}
    for device in choice.devices:
        try:
            copies[device] = load(device)
        except (EnvironmentFault, ProofError, RuntimeFault) as error:
            if not choice.may_fall_back:
                raise
            failures[device] = error
    copies = copies or {CPU: load(CPU)}
    _warn(failures, copies)
    return copies


def _warn(failures: Mapping[str, AndonError], copies: Mapping[str, Model]) -> None:
    """Tell once what several cards have in common."""
    for message in dict.fromkeys(error.message for error in failures.values()):
        left_out = [device for device, error in failures.items() if error.message == message]
        hint = next((f"; {error.hint}" for error in failures.values() if error.message == message and error.hint), "")
        logger.warning("computing on %s and not on %s: %s%s", ", ".join(copies), ", ".join(left_out), message, hint)
