"""Requests to the fake service are given up early, because it does not answer some of them."""

import pytest

from kie.timing import Timing
from tests.support.jobs import quick


@pytest.fixture
def timing() -> Timing:
    return quick()
