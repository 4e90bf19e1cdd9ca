"""Which form of an answer a client wants: the seed's text, JSON, or a page."""

import re
from collections.abc import Iterator, Sequence

_QUALITY = re.compile(r"[01](\.\d{0,3})?")
_JSON = ("application/json", "application/problem+json")


def prefers_json(accept: str) -> bool:
    """
    Ask whether an `Accept` header prefers JSON to text.

    >>> prefers_json("*/*"), prefers_json("application/json"), prefers_json("application/json;q=0.4, text/*")
    (False, True, False)
    """
    return prefers(accept, _JSON, over="text/plain")


def prefers(accept: str, media_types: Sequence[str], *, over: str) -> bool:
    """
    Ask whether an `Accept` header prefers one of some types to another one.

    The higher quality wins, then the range that names its type more exactly, then the one named
    first. Whoever names neither gets the other one, `*/*` and an absent header included.

    Args:
        accept: The header; empty where there is none. Ranges that cannot be read do not count.
        media_types: Of which the best counts.
        over: The type that they are compared with.

    Source:
        RFC 9110, section 12.5.1; it leaves equal qualities open, and the order is what clients mean.

    >>> prefers("text/html, */*;q=0.8", ["text/html"], over="text/plain")
    True
    """
    best = max(_preference(accept, media_type) for media_type in media_types)
    return best[0] > 0 and best > _preference(accept, over)


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
