"""
Andon takes a PyTorch vision model from the training run to the production line.

Importing this module loads nothing heavy: each public name is fetched on first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andon.build.pack import pack as pack
    from andon.client.aio import AsyncClient as AsyncClient
    from andon.client.answers import ServedModel as ServedModel
    from andon.client.answers import ServedPassedOver as ServedPassedOver
    from andon.client.answers import ServedProof as ServedProof
    from andon.client.options import ClientOptions as ClientOptions
    from andon.client.sync import Client as Client
    from andon.errors import AndonError as AndonError
    from andon.errors import ServiceError as ServiceError
    from andon.model.load import load as load
    from andon.model.model import Model as Model
    from andon.predictions import Prediction as Prediction
    from andon.predictions import Verdict as Verdict

__version__ = "0.1.0"
__all__ = [
    "AndonError",
    "AsyncClient",
    "Client",
    "ClientOptions",
    "Model",
    "Prediction",
    "ServedModel",
    "ServedPassedOver",
    "ServedProof",
    "ServiceError",
    "Verdict",
    "load",
    "pack",
]

_HOMES = {
    "AndonError": "andon.errors",
    "AsyncClient": "andon.client.aio",
    "Client": "andon.client.sync",
    "ClientOptions": "andon.client.options",
    "Model": "andon.model.model",
    "Prediction": "andon.predictions",
    "ServedModel": "andon.client.answers",
    "ServedPassedOver": "andon.client.answers",
    "ServedProof": "andon.client.answers",
    "ServiceError": "andon.errors",
    "Verdict": "andon.predictions",
    "load": "andon.model.load",
    "pack": "andon.build.pack",
}


def __getattr__(name: str) -> object:
    """Fetch a public name from its home on first use, then keep it here."""
    if name not in _HOMES:
        raise AttributeError(f"module 'andon' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
