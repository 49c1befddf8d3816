"""References on their way in, over real sockets: streamed to disk, made right where that is needed, refused in words."""

import hashlib
import io
import shutil
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import streamlit as st

from kie.images import convert
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.studio import Studio
from pages.parts.references import strip
from tests.support.images import encoded, exif_with, picture, quartered, tiff_with, with_chunk, with_segment
from tests.support.jobs import decoders, ended, submit
from tests.support.site import served
from tests.support.waiting import until

MIB = 2**20


@pytest.fixture
def site(studio: Studio) -> Iterator[str]:
    """The address of our routes."""
    with served(studio) as url:
        yield url


def send(site: str, content: bytes, name: str = "holiday.png", **headers: str) -> requests.Response:
    headers = {"X-Studio-Name": name, "Origin": site} | headers
    return requests.post(f"{site}/references", data=content, headers=headers, timeout=180)


def left_over(settings: Settings) -> list[Path]:
    return list((settings.data_dir / "incoming").iterdir())


def test_a_picture_that_is_sent_becomes_one_reference_with_a_thumbnail_however_often(
    studio: Studio, settings: Settings, site: str
) -> None:
    content = picture("JPEG", (640, 320))
    reply = send(site, content, "my%20cat%20%C3%BC.jpg")
    assert (reply.status_code, reply.json()) == (200, {"id": hashlib.sha256(content).hexdigest()})
    [kept] = studio.store.references.get_many([reply.json()["id"]])
    assert (kept.name, kept.kind, kept.width, kept.height, kept.bytes) == (
        *("my cat ü.jpg", "jpeg", 640, 320),
        len(content),
    )
    link = site + studio.backend.urls.address("thumbnail", kept.id)
    until(lambda: requests.get(link, timeout=10).status_code == 200)
    assert send(site, content, "b.jpg").json() == reply.json()
    assert send(site, picture("WEBP", (30, 20))).json() == send(site, picture("WEBP", (30, 20)), "b.webp").json()
    assert left_over(settings) == []


def test_what_cannot_be_a_reference_is_refused_in_words_and_not_kept(settings: Settings, site: str) -> None:
    for content, words in (
        (b"", "This file is empty"),
        (b"%PDF-1.7", "This is not a picture"),
        (tiff_with((262, 3, 1, struct.pack("<I", 32803))), "camera raw"),
        (picture("WEBP")[:40], "cut off or broken"),
        (picture("GIF")[:100], "cut off or broken"),
    ):
        told = send(site, content).json()
        assert list(told) == ["refusal"]
        assert words in told["refusal"]
        assert told["refusal"].startswith("This ")
        assert left_over(settings) == []


def test_where_a_photo_was_taken_is_not_on_the_disk_and_it_is_said(
    studio: Studio, settings: Settings, site: str, sandbox: Sandbox
) -> None:
    directory = struct.pack("<HHHI4s", 1, 2, 5, 3, b"\0" * 4) + bytes(4) + b"48 12 30"
    exif = exif_with((0x010F, 2, 4, b"Cam\0"), (0x8825, 4, 1, struct.pack("<I", 38)), more=directory)
    sound = encoded(quartered(), "JPEG")
    content = with_segment(sound, 0xE1, exif)
    [kept] = {send(site, content, name).json()["id"] for name in ("a.jpg", "again.jpg")}
    [kept] = studio.store.references.get_many([kept])
    assert (
        kept.changed
        == "Metadata removed, such as the place and the camera: anyone with the uploaded picture's link could read it."
    )
    assert (settings.data_dir / kept.file).read_bytes() == sound
    assert ended(studio, submit(studio, references=(kept.id,))).problem is None
    assert [seen.body["size"] for seen in sandbox.seen if "upload" in seen.path] == [len(sound)]


def test_what_the_service_would_not_take_is_made_right_and_it_is_said(
    studio: Studio, settings: Settings, site: str
) -> None:
    replies = [send(site, picture("BMP", (64, 32), "olive"), name).json() for name in ("a.bmp", "again.bmp")]
    assert replies[0] == replies[1]
    [kept] = studio.store.references.get_many([replies[0]["id"]])
    assert kept.changed == "Saved as PNG: the service does not take BMP."
    assert (kept.name, kept.kind, kept.width, kept.height) == ("a.bmp", "png", 64, 32)
    content = (settings.data_dir / kept.file).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (kept.id, kept.bytes)
    until(lambda: studio.store.references.get_many([kept.id])[0].checked_at)
    assert left_over(settings) == []


def test_what_is_too_large_for_the_service_is_taken_in_and_made_to_fit(
    studio: Studio, settings: Settings, site: str
) -> None:
    [kept] = studio.store.references.get_many(
        [send(site, with_chunk(picture("PNG", colour="gold"), b"IDAT", bytes(31 * MIB), b"IEND")).json()["id"]]
    )
    assert (kept.changed, kept.bytes < 1000) == ("Compressed: a reference may have 30 MB.", True)
    assert left_over(settings) == []


def test_what_is_too_large_to_be_taken_in_is_refused_at_the_first_byte_too_many(settings: Settings, site: str) -> None:
    content = picture("PNG") + bytes(convert.UPLOAD_BYTES_LIMIT)
    assert send(site, content).json()["refusal"] == convert.too_large(len(content))
    assert left_over(settings) == []


def test_a_reference_whose_file_is_gone_is_whole_again_when_it_is_added_again(
    studio: Studio, settings: Settings, site: str
) -> None:
    content = picture("PNG", (50, 40), "navy")
    reference_id = send(site, content).json()["id"]
    [kept] = until(lambda: [one for one in studio.store.references.get_many([reference_id]) if one.checked_at])
    (settings.data_dir / kept.file).unlink()
    shutil.rmtree(settings.data_dir / "thumbnails" / kept.id[:2])
    assert not studio.references.is_here(kept)
    assert send(site, content).json() == {"id": reference_id}
    assert studio.references.is_here(kept)
    link = site + studio.backend.urls.address("thumbnail", kept.id)
    until(lambda: requests.get(link, timeout=10).status_code == 200)


def test_pictures_that_are_made_right_keep_nobody_from_looking_at_others(
    studio: Studio, settings: Settings, site: str
) -> None:
    seen = send(site, picture("PNG")).json()["id"]
    until(lambda: studio.store.references.get_many([seen])[0].checked_at)
    with ThreadPoolExecutor(50) as senders:
        replies = [senders.submit(send, site, picture("GIF", (4000, 3000)))]
        [decoder] = until(decoders)
        decoder.suspend()
        replies += [senders.submit(send, site, picture("BMP", (40 + number, 30))) for number in range(49)]
        until(lambda: len(left_over(settings)) >= 50)
        assert requests.get(site + studio.backend.urls.address("thumbnail", seen), timeout=10).status_code == 200
        assert not any(reply.done() for reply in replies)
        decoder.resume()
        assert len({reply.result().json()["id"] for reply in replies}) == 50


def test_an_upload_that_breaks_off_leaves_nothing_behind_and_is_no_fault_of_ours(
    settings: Settings, site: str, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = site.removeprefix("http://").partition(":")
    head = f"POST /references HTTP/1.1\r\nHost: {host}:{port}\r\nX-Studio-Name: a.png\r\nX-Studio-Client: 1\r\n"
    head += "Content-Length: 9999\r\n\r\n"
    with socket.create_connection((host, int(port))) as sending:
        sending.sendall(head.encode() + picture("PNG")[:50])
        until(lambda: left_over(settings))
    until(lambda: not left_over(settings))
    assert requests.get(f"{site}/healthz", timeout=10).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_runs_that_overlap_put_each_picture_into_the_form_once_and_in_its_place(studio: Studio) -> None:
    ids = [studio.references.add(f"{shade}.png", io.BytesIO(picture(colour=(shade, 0, 0)))).id for shade in range(8)]
    told = {"receipt": None, "session": "one", "revision": 0}
    try:
        with ThreadPoolExecutor(2) as runs:
            for _ in range(30):
                st.session_state.clear()
                st.session_state["tab"] = "one"
                for count in range(1, 9):
                    st.session_state[strip.BOX] = {"chosen": told | {"ids": ids[:count]}}
                    for run in [runs.submit(strip.chosen) for _ in range(2)]:
                        run.result()
                assert list(strip.chosen().ids) == ids
    finally:
        st.session_state.clear()
