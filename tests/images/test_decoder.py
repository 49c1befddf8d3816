"""Pictures are decoded in processes of their own, within limits, and whatever becomes of it each picture has its answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import requests

from kie.errors import DecoderClosed, SpentAndKept, TooLargeToShow, TooSlowToShow
from kie.images.decoder import Decoder
from tests.support.images import picture, plain_png, progressive, repeated
from tests.support.jobs import decoders
from tests.support.server import ForkedServer
from tests.support.waiting import until


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG within the limits that takes seconds to decode."""
    path = tmp_path_factory.mktemp("slow") / "slow.jpg"
    path.write_bytes(repeated(progressive((2400, 1800)), 85))
    return path


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    path = tmp_path / "quick.png"
    path.write_bytes(picture("PNG", (96, 64)))
    return path


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    """A decoder that waits for a process that a test, or a busy machine, holds up."""
    with closing(Decoder(decode_s=300)) as opened:
        yield opened


def child() -> psutil.Process:
    """Return the process that decodes, once it is there."""
    return until(decoders)[0]


def the_next_after(gone: psutil.Process) -> psutil.Process:
    return until(lambda: [one for one in decoders() if one.pid != gone.pid])[0]


def test_a_picture_and_its_thumbnail_come_from_a_process_that_ends(
    decoder: Decoder, quick: Path, tmp_path: Path
) -> None:
    decoder.result(quick, tmp_path / "a.webp")
    assert ((tmp_path / "a.webp").read_bytes()[8:12], decoders()) == (b"WEBP", [])


def test_what_takes_too_long_is_stopped_and_the_next_picture_is_decoded(
    slow: Path, quick: Path, tmp_path: Path
) -> None:
    with closing(Decoder(decode_s=0.3)) as decoder:
        with pytest.raises(TooSlowToShow):
            decoder.result(slow, tmp_path / "a.webp")
        with pytest.raises(TooSlowToShow, match="takes longer"):
            decoder.reference(slow, tmp_path / "a.webp")
    with closing(Decoder()) as decoder:
        decoder.result(quick, tmp_path / "b.webp")
        assert (tmp_path / "b.webp").exists()


def test_what_takes_too_much_memory_is_stopped_and_the_next_picture_is_decoded(quick: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(plain_png(5000))
    with closing(Decoder(memory_bytes=60 * 2**20)) as decoder:
        with pytest.raises(TooLargeToShow):
            decoder.result(large, tmp_path / "a.webp")
        decoder.result(quick, tmp_path / "b.webp")
        assert (tmp_path / "b.webp").exists()


def test_the_process_knows_no_key_and_one_that_is_killed_is_followed_by_another(
    decoder: Decoder, slow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIE_API_KEY", "a-key-that-stays-here")
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(decoder.result, slow, tmp_path / "a.webp")
        first = child()
        assert "KIE_API_KEY" not in first.environ()
        first.kill()
        seen.result()
    assert (tmp_path / "a.webp").exists()


def test_a_picture_that_two_processes_died_of_is_set_aside(decoder: Decoder, slow: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(decoder.result, slow, tmp_path / "a.webp")
        first = child()
        first.kill()
        the_next_after(first).kill()
        with pytest.raises(SpentAndKept):
            seen.result()


def test_a_result_does_not_wait_for_a_reference(decoder: Decoder, slow: Path, quick: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        long = pool.submit(decoder.reference, slow, tmp_path / "a.webp")
        [busy] = until(decoders)
        busy.suspend()
        decoder.result(quick, tmp_path / "b.webp")
        busy.resume()
        long.result()


def test_large_pictures_are_decoded_one_after_the_other(decoder: Decoder, quick: Path, tmp_path: Path) -> None:
    for name in ("one.png", "other.png"):
        (tmp_path / name).write_bytes(plain_png(5000))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(decoder.reference, tmp_path / "one.png", tmp_path / "a.webp")
        [busy] = until(decoders)
        busy.suspend()
        second = pool.submit(decoder.result, tmp_path / "other.png", tmp_path / "b.webp")
        decoder.result(quick, tmp_path / "c.webp")
        assert not second.done()
        busy.resume()
        first.result()
        second.result()


def test_whoever_waits_when_it_is_closed_is_told_so(slow: Path, quick: Path, tmp_path: Path) -> None:
    decoder = Decoder()
    with ThreadPoolExecutor() as pool:
        seen = [pool.submit(decoder.result, path, tmp_path / f"{path.stem}.webp") for path in (slow, quick)]
        until(decoders)
        decoder.close()
        for each in seen:
            with pytest.raises(DecoderClosed):
                each.result()
    assert decoders() == []


def test_a_server_that_is_killed_leaves_no_process_behind(slow: Path, tmp_path: Path) -> None:
    with ForkedServer(tmp_path / "data", KIE_SANDBOX="1") as server:
        headers = {"X-Studio-Client": "1", "X-Studio-Name": "a.jpg"}
        requests.post(f"{server.url}/references", data=slow.read_bytes(), headers=headers, timeout=30)
        [process] = until(lambda: decoders(server.process.pid))
        server.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
