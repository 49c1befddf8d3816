"""Results: fetched whole, without the key, and from no address inside this network."""

from pathlib import Path

import pytest

from kie.client import Client
from kie.errors import PictureNotFetched, PictureNotSaved, PictureTooLarge
from tests.support.client_calls import ENDLESS_BODY, ENDLESS_CHUNK, ENDLESS_HEAD, client_of, outcome
from tests.support.fake_service import (
    HTML,
    Behaviour,
    Exchange,
    Rogue,
    cut,
    drip,
    half,
    hang_up,
    raw,
    redirect,
    silent,
    status,
)

# -- results


@pytest.mark.parametrize(
    "reply",
    [
        status(404, HTML),
        status(403),
        status(500),
        status(206, b"part"),
        status(204),
        status(200),
        status(302),
        half,
        cut,
        hang_up,
        silent,
        drip(),
        drip(ENDLESS_HEAD),
        drip(ENDLESS_CHUNK),
        drip(ENDLESS_BODY),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Long: "),
        redirect("file:///etc/passwd"),
        redirect("ftp://127.0.0.1/x"),
        redirect("http://[broken"),
        redirect("/results/again.png"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\nbytes"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nbytes"),
    ],
)
def test_a_result_that_is_not_whole_is_not_fetched(
    hasty: Client, rogue: Rogue, tmp_path: Path, reply: Behaviour
) -> None:
    rogue.plan("result", always=reply)
    got = outcome(lambda: hasty.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png"))
    assert type(got) is PictureNotFetched
    assert got.detail


def test_a_redirect_is_followed_without_reading_what_comes_with_it(
    client: Client, rogue: Rogue, tmp_path: Path
) -> None:
    rogue.plan("result", drip(b"HTTP/1.1 302 Found\r\nLocation: /results/y.png\r\n\r\n"))
    assert client.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png") == len(rogue.picture)


@pytest.mark.parametrize(
    "reply",
    [
        drip(every_s=0.01),
        drip(ENDLESS_CHUNK, every_s=0.01),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 3_000_000, every_s=0.01),
    ],
    ids=["a body", "a chunk", "a body that began fast"],
)
def test_a_result_that_drips_is_left_long_before_its_time_is_over(
    rogue: Rogue, tmp_path: Path, reply: Behaviour
) -> None:
    client = client_of(rogue.url, read_s=60, fetch_s=3600, slow_after_s=0.3, least_rate=10_000)
    rogue.plan("result", reply)
    got = outcome(lambda: client.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png"))
    assert type(got) is PictureNotFetched
    assert "came too slowly" in got.detail
    client.close()


def test_a_head_that_drips_is_left_after_the_time_of_a_read(rogue: Rogue, tmp_path: Path) -> None:
    client = client_of(rogue.url, read_s=1, fetch_s=3600)
    rogue.plan("result", drip(ENDLESS_HEAD))
    got = outcome(lambda: client.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png"))
    assert (type(got), got.detail) == (PictureNotFetched, "the reply took too long")
    client.close()


def test_a_host_that_thinks_for_a_while_is_not_slow(rogue: Rogue, tmp_path: Path) -> None:
    client = client_of(rogue.url, read_s=60, fetch_s=3600, slow_after_s=0.1, least_rate=10_000)

    def think(exchange: Exchange) -> None:
        exchange.server.ending.wait(0.5)
        # In one piece, so that a busy machine makes no pause in it.
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes")(exchange)

    rogue.plan("result", think)
    assert client.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png") == 5
    client.close()


def test_a_redirect_without_an_end_is_left(client: Client, rogue: Rogue, tmp_path: Path) -> None:
    rogue.plan("result", always=redirect("/results/again.png"))
    assert type(outcome(lambda: client.fetch(f"{rogue.url}/x", tmp_path / "x"))) is PictureNotFetched
    assert len(rogue.seen) == 5


@pytest.mark.parametrize("lengthy", [True, False])
def test_a_result_over_the_limit_is_left(rogue: Rogue, tmp_path: Path, lengthy: bool) -> None:
    small = client_of(rogue.url, {"result_limit": 1000})
    rogue.picture = b"x" * 1001
    if not lengthy:
        rogue.plan("result", raw(b"HTTP/1.1 200 OK\r\n\r\n" + rogue.picture))
    got = outcome(lambda: small.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png"))
    small.close()
    assert type(got) is PictureTooLarge
    assert "larger" in got.detail


@pytest.mark.parametrize("framing", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_a_result_without_a_length_is_fetched_whole(
    client: Client, rogue: Rogue, tmp_path: Path, framing: bytes
) -> None:
    body = b"5\r\nbytes\r\n0\r\n\r\n" if framing else b"bytes"
    rogue.plan("result", raw(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n" + body))
    assert client.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png") == 5
    assert (tmp_path / "x.png").read_bytes() == b"bytes"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/x.png",
        "http://localhost:{port}/x.png",
        "http://[::1]:{port}/x.png",
        "http://someone@127.0.0.1:{port}/x.png",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_public_service_can_not_make_us_look_into_our_own_network(rogue: Rogue, tmp_path: Path, address: str) -> None:
    public = client_of("https://8.8.8.8")
    got = outcome(lambda: public.fetch(address.format(port=rogue.server_port), tmp_path / "x.png"))
    public.close()
    assert type(got) is PictureNotFetched
    assert rogue.seen == []
    assert not (tmp_path / "x.png").exists()


def test_a_disk_that_refuses_a_result_is_told_from_a_result_that_is_not_there(
    client: Client, rogue: Rogue, tmp_path: Path
) -> None:
    assert type(outcome(lambda: client.fetch(f"{rogue.url}/x", tmp_path / "no" / "folder"))) is PictureNotSaved
