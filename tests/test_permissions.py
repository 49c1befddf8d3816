"""What the studio writes is for its own user alone, and what it reads is a plain file."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from kie.errors import SettingsInvalid
from kie.images.files import Files
from kie.settings import KEY_FILE, Settings
from tests.support.images import picture
from tests.support.server import ROOT, Server
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def usual_mask() -> Iterator[None]:
    """What is made here can be read by everybody, unless somebody sees to it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Return what is not for its own user alone, the folder itself too."""
    every = [folder, *folder.rglob("*")]
    return [str(path) for path in every if path.stat().st_mode & 0o777 not in (0o700 if path.is_dir() else 0o600,)]


def run(*arguments: str, folder: Path) -> None:
    command = [sys.executable, "-m", "kie", *arguments]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "KIE_DATA_DIR": str(folder)}, check=True, capture_output=True)


def test_whatever_a_studio_writes_is_private_and_so_are_its_backups(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = start_server(KIE_SANDBOX="1")
    headers = {"X-Studio-Client": "1", "X-Studio-Name": "a.png"}
    answer = requests.post(f"{server.url}/references", data=picture("PNG"), headers=headers, timeout=30)
    until(lambda: list((server.data_dir / "sandbox" / "thumbnails").rglob(f"{answer.json()['id']}.webp")))
    assert {path.name for path in (server.data_dir / "sandbox").iterdir()} >= {"studio.sqlite3", "studio.sqlite3-wal"}
    assert open_to_others(server.data_dir) == []
    backup, restored = tmp_path / "backup.zip", tmp_path / "restored"
    run("backup", str(backup), "--sandbox", folder=server.data_dir)
    run("restore", str(backup), "--into", str(restored), folder=server.data_dir)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert open_to_others(restored) == []


def test_what_an_earlier_version_left_open_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    kept = tmp_path / "data" / "results" / "ab" / f"ab{'0' * 30}.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a picture")
    (tmp_path / "data" / "studio.sqlite3").write_bytes(b"rows")
    Files(tmp_path / "data").open()
    closed = [tmp_path / "data", tmp_path / "data" / "studio.sqlite3", *kept.parents[:2], kept]
    assert [path for path in closed if path.stat().st_mode & 0o077] == []


def test_what_others_keep_in_the_same_folder_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("not ours")
    (tmp_path / "studio.sqlite3").write_bytes(b"rows")
    tmp_path.chmod(0o755)
    Files(tmp_path).open()
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path, tmp_path / "holiday.txt", tmp_path / "studio.sqlite3")]
    assert modes == [0o755, 0o644, 0o600]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (tmp_path / KEY_FILE).parent.mkdir()
    return tmp_path / KEY_FILE


def test_a_key_that_others_can_read_is_said_and_used(tmp_path: Path, key_file: Path) -> None:
    key_file.write_text("0123456789abcdef")
    key = Settings.load(tmp_path, {}).key()
    assert key.value == "0123456789abcdef"
    assert key.note == f"{KEY_FILE} can be read by other users of this computer: `chmod 600` takes that away."
    key_file.chmod(0o600)
    assert Settings.load(tmp_path, {}).key().note == ""


def test_a_link_to_a_key_is_followed(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "secret").write_text("0123456789abcdef")
    key_file.symlink_to(tmp_path / "secret")
    assert Settings.load(tmp_path, {}).key().value == "0123456789abcdef"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "it is no plain file"),
        (lambda path: Path(path).symlink_to("/dev/zero"), "it is no plain file"),
        (lambda path: Path(path).mkdir(), "it is a folder"),
        (lambda path: Path(path).write_bytes(b"0" * 70_000), "it has more than 65,536 bytes"),
    ],
    ids=["a named pipe", "a device", "a folder", "a large file"],
)
def test_only_a_small_plain_file_is_read(
    tmp_path: Path, key_file: Path, make: Callable[[Path], object], why: str
) -> None:
    make(key_file)
    assert Settings.load(tmp_path, {}).key().note == f"{KEY_FILE} can't be read: {why}."
    make(tmp_path / ".env")
    with pytest.raises(SettingsInvalid, match=f"The file .env can't be read: {why}"):
        Settings.load(tmp_path, {})
