"""A client of the fake service."""

from collections.abc import Iterator

import pytest

from kie.client import Client
from tests.support.client_calls import quick_client
from tests.support.fake_service import Rogue


@pytest.fixture
def client(rogue: Rogue) -> Iterator[Client]:
    """A client with short timeouts."""
    made = quick_client(rogue.url)
    yield made
    made.close()
