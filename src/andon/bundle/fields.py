"""The values that fields of a manifest may have, and the record that refuses unknown fields."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
MEMBER = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
MAX_MEMBER_NAME = 255
"""Characters of a member name: what a file name may have everywhere."""
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"

Finite = Annotated[float, Meta(ge=-1e30, le=1e30)]
Positive = Annotated[float, Meta(ge=1e-30, le=1e30)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
MAX_SIDE = 16384
Side = Annotated[int, Meta(ge=1, le=MAX_SIDE)]
Size = tuple[Side, Side]
"""Height and width in pixels."""
Offset = Annotated[int, Meta(ge=0, le=65535)]
"""Pixels from the left or the upper edge."""
Grey = Annotated[int, Meta(ge=0, le=255)]
# With `tuple[Grey, Grey, Grey]` in the union msgspec 0.22 reads memory that is not its own.
Pad = Grey | Annotated[tuple[Grey, ...], Meta(min_length=3, max_length=3)]
"""What borders are filled with: one grey level for all channels, or one for each of three."""
Level = Annotated[int, Meta(ge=0, le=65535)]
"""What one channel of a pixel may hold with up to 16 bits."""
Rounding = Literal["floor", "nearest"]
MemberName = Annotated[str, Meta(extra_json_schema={"pattern": f"^{MEMBER.pattern}$", "maxLength": MAX_MEMBER_NAME})]
"""Held to `is_safe_member` by `parse_manifest`, whose error says more than a pattern can."""
# In Python `$` also stands before a last line break, hence the look-ahead before each.
BundleName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?!\n)$")]
Text = Annotated[str, Meta(max_length=1024, pattern=r"^[^\x00-\x1f\x7f-\x9f]*(?!\n)$")]
"""Up to 1,024 characters, none of them a control character, which a terminal or a log would obey."""
Label = Annotated[Text, Meta(min_length=1)]
CodeName = Annotated[
    str, Meta(max_length=MAX_MEMBER_NAME, pattern=rf"^{_NAME}(?:\.{_NAME})*:{_NAME}(?:\.{_NAME})*(?!\n)$")
]
"""Installed Python, as `package.module:function`; it runs only where the bundle is trusted."""


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen record that refuses unknown fields."""
