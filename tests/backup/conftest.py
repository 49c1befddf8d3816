"""The commands, and a place to restore into."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kie import __main__ as commands
from kie.settings import Settings


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "restored").mkdir()
    return tmp_path / "restored" / "data"


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command, and gives its exit status and all that it says."""

    def typed(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        status = commands.main([str(each) for each in arguments], settings)
        said = capsys.readouterr()
        return status, said.out + said.err

    return typed
