"""The store's tests run on both kinds of database, save those marked SQLITE or POSTGRESQL."""

import pytest
from sqlalchemy import create_engine, text


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def empty_url(dialect: str, url: str) -> str:
    """The URL of a database without tables."""
    if dialect == "postgresql":
        engine = create_engine(url)
        with engine.begin() as db:
            db.execute(text("DROP SCHEMA public CASCADE"))
            db.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    return url
