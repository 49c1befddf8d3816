"""A sandbox of its own, or one that many tests share, and a caller of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from kie.sandbox import Sandbox
from tests.support.sandbox_caller import Listener, Service, age


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def sandbox(folder: Path) -> Iterator[Sandbox]:
    with Sandbox(folder, seconds=0.2) as running:
        yield running


@pytest.fixture
def payer(sandbox: Sandbox) -> Service:
    """The only caller of a new sandbox."""
    return Service(sandbox.url)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def shared_sandbox(shared_folder: Path) -> Iterator[Sandbox]:
    with Sandbox(shared_folder, seconds=0.2, credits=100_000) as running:
        yield running


@pytest.fixture
def service(shared_sandbox: Sandbox, shared_folder: Path) -> Iterator[Service]:
    """One of many callers, each in ten seconds of their own."""
    yield Service(shared_sandbox.url)
    age(shared_folder, 10)


@pytest.fixture
def listener() -> Iterator[Callable[..., Listener]]:
    opened = []

    def listen(refusals: int = 0) -> Listener:
        opened.append(Listener(refusals))
        Thread(target=opened[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return opened[-1]

    yield listen
    for server in opened:
        server.shutdown()
        server.server_close()
