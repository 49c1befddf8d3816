"""Clients of the fake service."""

from collections.abc import Iterator

import pytest

from kie.client import Client
from tests.support.client_calls import HASTE, client_of
from tests.support.fake_service import Rogue


@pytest.fixture
def client(rogue: Rogue) -> Iterator[Client]:
    """A client that waits for a reply."""
    made = client_of(rogue.url)
    yield made
    made.close()


@pytest.fixture
def hasty(rogue: Rogue) -> Iterator[Client]:
    """A client that soon gives a reply up."""
    made = client_of(rogue.url, **HASTE)
    yield made
    made.close()
