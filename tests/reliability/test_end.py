"""The server ends when it is told to, whatever a browser is doing."""

import socket
from collections.abc import Callable

import pytest

from tests.support.server import Server


def test_a_browser_that_stalls_in_the_middle_does_not_hold_up_the_end(start_server: Callable[..., Server]) -> None:
    server = start_server()
    head = "POST /references HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Studio-Name: a\r\nX-Studio-Client: 1\r\n"
    head += "Content-Length: 1000\r\n\r\nhalf of it"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as stalled:
        stalled.sendall(head.encode())
        stalled.settimeout(0.5)
        with pytest.raises(TimeoutError):
            stalled.recv(1)
        server.stop()  # It raises if the server does not end.
