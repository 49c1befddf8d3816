"""A sandbox that is stopped, killed, or started again goes on where it was."""

import io
import signal
import socket
from pathlib import Path

import pytest
import requests
from PIL import Image

from kie.sandbox import Sandbox
from tests.support.images import picture
from tests.support.sandbox_caller import Service, fetch, served_alone, share, urls

# Stopping and starting


def test_another_process_and_port_go_on_where_a_killed_one_ended(folder: Path):
    with served_alone(folder, "--credits", "100", "--seconds", "0.3") as first:
        service = Service(first.url)
        reference = service.reference(picture(colour="magenta"))
        [url] = urls(service.end(service.create()))
        running = service.create(image_input=[reference], aspect_ratio="1:1")
        first.send_signal(signal.SIGKILL)
    with Sandbox(folder, seconds=0.2) as second:
        service = Service(second.url)
        assert (second.url != first.url, service.credits()) == (True, 64)
        assert share(Image.open(io.BytesIO(fetch(service, running))), (255, 0, 255)) > 0.1
        assert service.end(service.create(image_input=[reference, url]))["state"] == "success"


def test_a_result_that_was_not_drawn_in_time_is_drawn_on_demand(folder: Path, payer: Service):
    task_id = payer.create()
    content = fetch(payer, task_id)
    (folder / "results" / f"{task_id}.png").unlink()
    assert fetch(payer, task_id) == content


def test_a_kept_folder_is_filled_up_when_it_is_nearly_empty(folder: Path):
    with Sandbox(folder, credits=40) as running:
        Service(running.url).create()
    assert Sandbox(folder, credits=500).balance == 500


def test_a_kept_balance_stays_and_a_new_folder_starts_as_asked(folder: Path):
    assert Sandbox(folder, credits=5).balance == 5
    assert Sandbox(folder, credits=24).balance == 24
    assert Sandbox(folder, credits=500).balance == 24


def test_alone_it_prints_its_url_and_ends_cleanly(folder: Path):
    for number in (signal.SIGTERM, signal.SIGINT):
        with served_alone(folder, "--key", "the key") as process:
            assert Service(process.url, "the key").credits() == 1000
            process.send_signal(number)
            assert process.wait(timeout=30) == 0
            assert process.stderr.read() == ""


def is_closed(line: socket.socket) -> bool:
    """Return whether the other end has closed a connection, taken up or not."""
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_it_stops_quickly_with_open_connections(folder: Path):
    with Sandbox(folder) as running:
        service = Service(running.url)
        service.credits()
        address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
        with socket.create_connection(address) as silent, socket.create_connection(address) as unfinished:
            unfinished.sendall(b"POST /api/v1/jobs/createTask HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            running.stop()
            assert is_closed(silent) and is_closed(unfinished)
    with pytest.raises(requests.ConnectionError):
        requests.get(running.url, timeout=1)


def test_it_can_start_again(folder: Path):
    running = Sandbox(folder)
    for _ in range(2):
        with running:
            assert Service(running.url).credits() == 1000


def test_it_listens_on_loopback_only(sandbox: Sandbox):
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=1)
