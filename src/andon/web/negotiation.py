"""Which of the two forms a client wants: the seed's text, or JSON."""

import re
from collections.abc import Iterator

_QUALITY = re.compile(r"[01](\.\d{0,3})?")
_JSON = ("application/json", "application/problem+json")


def prefers_json(accept: str) -> bool:
    """
    Ask whether an `Accept` header prefers JSON to text.

    The higher quality wins, then the range that names its type more exactly, then the one named
    first. Whoever names neither gets text, `*/*` and an absent header included.

    Args:
        accept: The header; empty where there is none. Ranges that cannot be read do not count.

    Source:
        RFC 9110, section 12.5.1; it leaves equal qualities open, and the order is what clients mean.

    >>> prefers_json("*/*"), prefers_json("application/json"), prefers_json("application/json;q=0.4, text/*")
    (False, True, False)
    """
    json = max(_preference(accept, media_type) for media_type in _JSON)
    return json[0] > 0 and json > _preference(accept, "text/plain")


def _preference(accept: str, media_type: str) -> tuple[float, int, int]:
    """Give the quality of a type, how exactly it is named, and its place, later ones being lower."""
    ranges = [match for match in _ranges(accept) if _specificity(match[0], media_type) >= 0]
    if not ranges:
        return 0.0, 0, 0
    name, quality, place = max(ranges, key=lambda match: (_specificity(match[0], media_type), -match[2]))
    return quality, _specificity(name, media_type), -place


def _ranges(accept: str) -> Iterator[tuple[str, float, int]]:
    for place, item in enumerate(accept.lower().split(",")):
        name, *parameters = (word.strip() for word in item.split(";"))
        qualities = [word[2:].strip() for word in parameters if word.startswith("q=")]
        if not qualities:
            yield name, 1.0, place
        elif _QUALITY.fullmatch(qualities[0]):
            yield name, min(float(qualities[0]), 1.0), place


def _specificity(name: str, media_type: str) -> int:
    """Tell how exactly a range names a type: 2 wholly, 1 its kind, 0 anything, -1 not at all."""
    kind = media_type.partition("/")[0]
    return {media_type: 2, f"{kind}/*": 1, "*/*": 0}.get(name, -1)
