"""How the tests call the client: impatiently, and with errors as values."""

from collections.abc import Callable

from kie.client import Client
from kie.errors import StudioError
from kie.generation import Generation

KEY = "sk-0123456789abcdef-secret"
LIGHTHOUSE = Generation("a lighthouse")
# Replies without an end: in the head, in the body, in a piece of the body.
ENDLESS_HEAD = b"HTTP/1.1 200 OK\r\nX-Long: "
ENDLESS_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"


def quick_client(url: str, **options: object) -> Client:
    """A client that loses patience soon."""
    waits = {"connect_s": 2, "read_s": 0.3, "upload_read_s": 0.3, "reply_s": 0.5, "fetch_s": 0.5}
    return Client(url, url, lambda: KEY, **(waits | options))


def outcome(call: Callable[[], object]) -> object:
    """Return what a call gives or the error that it raises."""
    try:
        return call()
    except StudioError as error:
        return error


def create(client: Client, generation: Generation = LIGHTHOUSE, **options: object) -> object:
    return outcome(lambda: client.create_task(generation, [], **options))
