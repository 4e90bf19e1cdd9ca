"""The reference is made from the code, and is what the code says today."""

import pytest

from docs.generate_reference import pages
from tests.support.tree import ROOT

REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.slow
def test_the_reference_is_fresh() -> None:
    """Each page is what scripts/docs would write, and there is no other one."""
    made = pages()
    assert {path.name for path in REFERENCE.iterdir()} == set(made)
    stale = [name for name, text in made.items() if (REFERENCE / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run scripts/docs"
