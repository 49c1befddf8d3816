"""Bytes on disk: whole or not there, under names of our own, and nowhere but below one root."""

import hashlib
import io
import os
from pathlib import Path

import pytest

from kie.errors import SettingsInvalid
from kie.images.files import CHUNK, Files

JOB = "0123456789abcdef" * 2
CONTENT = b"what came out"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An empty root, opened."""
    opened = Files(tmp_path / "data")
    opened.open()
    return opened


@pytest.fixture
def part(files: Files) -> Path:
    """Bytes that have arrived and have no place yet."""
    path, _ = files.take_in(io.BytesIO(CONTENT))
    return path


def all_files(files: Files) -> list[str]:
    return sorted(path.relative_to(files.root).as_posix() for path in files.root.rglob("*") if path.is_file())


def test_opening_makes_the_folders_and_leaves_nothing_else(files: Files):
    assert sorted(path.name for path in files.root.iterdir()) == ["incoming", "references", "results", "thumbnails"]
    assert all_files(files) == []


def test_opening_again_keeps_what_is_there(files: Files, part: Path):
    name = files.keep_result(part, JOB, ".png")
    again = Files(files.root)
    again.open()
    assert again.path(name).read_bytes() == CONTENT


def test_a_root_that_cannot_be_written_is_told_with_the_setting_to_change(tmp_path: Path):
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(SettingsInvalid) as caught:
        Files(tmp_path / "data").open()
    assert str(tmp_path / "data") in caught.value.detail
    assert "set KIE_DATA_DIR" in caught.value.detail


def test_what_is_taken_in_is_named_by_its_content(files: Files):
    long = b"x" * (2 * CHUNK + 1)
    for content in (b"", CONTENT, long):
        path, sha256 = files.take_in(io.BytesIO(content))
        assert path.parent.name == "incoming"
        assert path.read_bytes() == content
        assert sha256 == hashlib.sha256(content).hexdigest()


def test_what_comes_in_at_the_same_time_does_not_meet(files: Files):
    assert len({files.incoming() for _ in range(100)}) == 100


def test_a_reference_and_a_result_stand_where_the_map_says(files: Files):
    for keep, identifier, kind in ((files.keep_reference, SHA256, "references"), (files.keep_result, JOB, "results")):
        part, _ = files.take_in(io.BytesIO(CONTENT))
        name = keep(part, identifier, ".png")
        assert name == f"{kind}/{identifier[:2]}/{identifier}.png"
        assert files.path(name).read_bytes() == CONTENT
        assert not part.exists()
    assert files.thumbnail(JOB) == files.root / "thumbnails" / JOB[:2] / f"{JOB}.webp"


def test_the_same_bytes_kept_again_are_the_same_file(files: Files):
    names = {files.keep_reference(*files.take_in(io.BytesIO(CONTENT)), ".png") for _ in range(3)}
    assert names == set(all_files(files))


def test_a_result_that_the_database_never_heard_of_is_found(files: Files):
    assert files.result(JOB) is None
    for extension in (".png", ".jpg", ".webp"):
        part, _ = files.take_in(io.BytesIO(CONTENT))
        name = files.keep_result(part, JOB, extension)
        assert files.result(JOB) == name
        files.discard([files.path(name)])


def test_bytes_that_could_not_be_decoded_are_kept_but_are_no_result(files: Files, part: Path):
    name = files.keep_result(part, JOB, ".unreadable")
    assert files.result(JOB) is None
    assert files.path(name).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "ab",
        "../../../../etc/passwd",
        f"../{JOB}",
        f"{JOB}/..",
        f"{JOB}\n",
        f"{JOB}\0",
        JOB.upper(),
        "g" * 32,
        "a" * 31,
        "a" * 65,
        "٣" * 32,  # digits, but not ours
        " " * 32,
    ],
)
def test_only_an_id_of_ours_becomes_a_name(files: Files, part: Path, identifier: str):
    for use in (
        lambda: files.keep_reference(part, identifier, ".png"),
        lambda: files.keep_result(part, identifier, ".png"),
        lambda: files.result(identifier),
        lambda: files.thumbnail(identifier),
    ):
        with pytest.raises(ValueError, match="not ours"):
            use()
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "results",
        "studio.sqlite3",
        "incoming/x.part",
        "../secret.png",
        f"results/../../{JOB}.png",
        f"results/{JOB[:2]}/../../../secret.png",
        f"results/{JOB[:2]}/{JOB}.png/../../x.png",
        f"/results/{JOB[:2]}/{JOB}.png",
        f"results\\{JOB[:2]}\\{JOB}.png",
        f"results/{JOB[:2]}/{JOB}.png\n",
        f"results/{JOB[:2]}/{JOB}.png\0",
        f"thumbnails/{JOB[:2]}/{JOB}.webp",
        "C:\\Windows\\win.ini",
    ],
)
def test_nothing_outside_the_root_and_nothing_else_inside_it_can_be_named(files: Files, name: str):
    with pytest.raises(ValueError, match="not ours"):
        files.path(name)


def test_names_stay_true_when_the_root_moves(files: Files, part: Path, tmp_path: Path):
    name = files.keep_result(part, JOB, ".png")
    files.root.rename(tmp_path / "moved")
    assert Files(tmp_path / "moved").path(name).read_bytes() == CONTENT


def test_a_folder_may_be_a_link_to_a_larger_disk(files: Files, part: Path, tmp_path: Path):
    (tmp_path / "large disk").mkdir()
    (files.root / "results").rmdir()
    (files.root / "results").symlink_to(tmp_path / "large disk")
    name = files.keep_result(part, JOB, ".png")
    assert files.path(name).read_bytes() == CONTENT
    assert (tmp_path / "large disk" / JOB[:2] / f"{JOB}.png").exists()


def test_opening_sweeps_up_what_was_left_half_written_a_day_ago(files: Files, part: Path):
    old = files.incoming()
    old.write_bytes(b"half")
    yesterday = old.stat().st_mtime - 86_401
    os.utime(old, (yesterday, yesterday))
    Files(files.root).open()
    assert (old.exists(), part.exists()) == (False, True)


def test_a_thumbnail_that_was_left_half_written_is_swept_up(files: Files):
    old, new = (files.root / "thumbnails" / "ab" / f"{number}.part" for number in (1, 2))
    old.parent.mkdir()
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    files.delete_leftovers(3600)
    assert list(old.parent.iterdir()) == [new]


def test_discarding_takes_away_what_is_there_and_does_not_mind_the_rest(files: Files, part: Path):
    files.discard([part, part, files.incoming()])
    assert all_files(files) == []
