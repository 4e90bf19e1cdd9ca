"""What may stand in Latin letters on a Chinese page: names, units, formats, keys and commands."""

import re

ALLOWED_LATIN = frozenset(
    {
        *("JPEG", "PNG", "TIFF", "BMP", "WebP", "GIF"),
        *("Andon", "API", "JSON", "JavaScript", "Mono", "NET", "Python", "curl", "http", "https"),
        *("Ctrl", "Delete", "EN", "KB", "MB", "ms", "cpu", "fp32", "onnxruntime", "ANDON_TOKEN", "POST", "predict"),
        *("pip", "install", "andon", "g", "std", "c", "classify", "cpp", "lcurl", "C", "V", "B", "s", "e"),
    }
)


def english_words(text: str) -> list[str]:
    """List the words in Latin letters that are no name, unit, format, key or command."""
    return sorted(set(re.findall(r"[A-Za-z_]\w*", text, re.ASCII)) - ALLOWED_LATIN)
