"""The colours of the page can be told apart, in light and in dark."""

import re
from importlib.resources import files

import pytest

CSS = files("andon.web.pages").joinpath("static", "page.css").read_text(encoding="utf-8")
GROUNDS = ("ground", "surface", "sunken", "accent-soft")
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-soft") for ground in (*GROUNDS, "none-soft")),
    *(("accent", ground) for ground in GROUNDS),
    *((kind, f"{kind}-soft") for kind in ("ok", "bad", "doubt", "none")),
    *((kind, ground) for kind in ("ok", "bad", "doubt", "none") for ground in ("surface", "accent-soft")),
    ("bad", "ground"),
    ("on-accent", "accent"),
]
"""Each pair of colours in which text stands on a ground."""
SHAPES = [
    *(("edge", ground) for ground in GROUNDS),
    *((bar, ground) for bar in ("accent", "network") for ground in ("track", "surface")),
    *(("accent", ground) for ground in GROUNDS),
]
"""Each pair in which a shape that matters stands on a ground: borders of controls, bars, the ring of the focus."""
AA_TEXT = 4.5
AA_SHAPE = 3.0


def tokens(block: str) -> dict[str, str]:
    """Read the colours of a block."""
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


LIGHT = tokens(CSS[: CSS.index("@media (prefers-color-scheme: dark)")])
DARK = tokens(CSS[CSS.index("@media (prefers-color-scheme: dark)") : CSS.index("/* Ground rules. */")])
SCHEMES = {"light": LIGHT, "dark": DARK}


def luminance(colour: str) -> float:
    """Give the relative luminance of a colour, 0-1; WCAG 2.2, definition of relative luminance."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours, 1-21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_is_computed_as_the_standard_does() -> None:
    """Black on white is 21, a colour on itself 1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_dark_gives_every_colour_that_light_gives() -> None:
    """No colour of the light page is left over in the dark one."""
    assert set(DARK) == set(LIGHT)
    assert len(LIGHT) > 15


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(scheme: str, ink: str, ground: str) -> None:
    """AA of WCAG 2.2 for text of any size."""
    assert contrast(SCHEMES[scheme][ink], SCHEMES[scheme][ground]) >= AA_TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("shape", "ground"), SHAPES)
def test_shapes_can_be_seen(scheme: str, shape: str, ground: str) -> None:
    """AA of WCAG 2.2 for borders of controls, bars and the ring of the focus."""
    assert contrast(SCHEMES[scheme][shape], SCHEMES[scheme][ground]) >= AA_SHAPE


def test_every_colour_is_a_token() -> None:
    """The rules name tokens, so that the pairs above are all there are; black is what surrounds a video."""
    rules = CSS[CSS.index("/* Ground rules. */") :]
    assert set(re.findall(r"#[0-9a-f]{3,8}\b(?=[; ])", rules)) <= {"#000000"}
    used = set(re.findall(r"var\(--([a-z-]+)", CSS))
    assert sorted(used - set(LIGHT) - {"space", "radius", "sans", "mono", "cut"}) == []
    assert sorted(set(LIGHT) - used) == []
