"""
ONNX Runtime's build for cards, on a machine that has none: it computes on the CPU, and says otherwise.

As `onnxruntime.py` on the PYTHONPATH of a service it takes the place of the real one.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

CPU, CARD = "CPUExecutionProvider", "CUDAExecutionProvider"


class CardedLibrary:
    """
    What is used of ONNX Runtime's surface.

    Args:
        real: The library that is installed.
        cards: How many it can use.
        falls_back: Whether it takes the CPU in silence, as it does where CUDA does not load.
    """

    def __init__(self, real: Any, *, cards: int = 2, falls_back: bool = False) -> None:
        self._real = real
        self._session = real.InferenceSession
        self._cards = cards
        self._falls_back = falls_back
        self.opened: list[tuple[dict[str, str], bool]] = []
        """What each session on a card was told of it, and whether it might fall back."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_available_providers(self) -> list[str]:
        """List those of the build."""
        return [CARD, CPU]

    def preload_dlls(self) -> None:
        """Print, as the real one does."""
        print("Failed to load libcublas.so.13")  # noqa: T201 -- this is what is tested

    def InferenceSession(  # noqa: N802 -- the library's name
        self, data: bytes, options: Any, *, providers: list[Any], enable_fallback: bool
    ) -> Any:
        """Open a session on the CPU that names the provider that was asked for."""
        wanted = [provider for provider in providers if provider != CPU]
        for _, told in wanted:
            self.opened.append((told, enable_fallback))
            if int(told["device_id"]) >= self._cards:
                raise RuntimeError("CUDA failure 101: invalid device ordinal\nmore of it")
        session = self._session(data, options, providers=[CPU], enable_fallback=enable_fallback)
        if wanted and not self._falls_back:
            session.get_providers = lambda: [CARD, CPU]
        return session


if __name__ == "onnxruntime":
    sys.path.remove(str(Path(__file__).parent))
    del sys.modules["onnxruntime"]
    _real = importlib.import_module("onnxruntime")
    _carded = CardedLibrary(_real, cards=int(os.environ["CARDS"]))
    _real.get_available_providers = _carded.get_available_providers
    _real.InferenceSession = _carded.InferenceSession
    _real.preload_dlls = _carded.preload_dlls
