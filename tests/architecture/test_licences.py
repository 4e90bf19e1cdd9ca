"""The licences of what is installed beside Andon fit Apache-2.0."""

import re
from email.message import Message
from importlib.metadata import Distribution, PackageMetadata, distributions

import pytest

AFFERO = re.compile(r"AGPL|Affero", re.IGNORECASE)


def licence_of(metadata: PackageMetadata | Message) -> str:
    """Join the first lines of all places in which a package names its licence."""
    fields = [*metadata.get_all("License-Expression", []), *metadata.get_all("Classifier", [])]
    # Older packages put the whole text into `License`; its head has the name.
    fields += [text[:200] for text in metadata.get_all("License", [])]
    return "\n".join(field for field in fields if not field.startswith(("Topic", "Programming")))


def test_nothing_installed_is_under_the_agpl() -> None:
    """A library under the AGPL would bind every service that Andon is part of."""
    installed: list[Distribution] = list(distributions())
    assert any(found.metadata["Name"] == "numpy" for found in installed)
    assert [found.metadata["Name"] for found in installed if AFFERO.search(licence_of(found.metadata))] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("License-Expression", "AGPL-3.0-or-later"),
        ("License", "GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3"),
        ("Classifier", "License :: OSI Approved :: GNU Affero General Public License v3"),
    ],
)
def test_the_rule_sees_the_agpl_wherever_it_is_named(field: str, value: str) -> None:
    """Expression, free text and classifier are all read."""
    metadata = Message()
    metadata[field] = value
    assert AFFERO.search(licence_of(metadata))
