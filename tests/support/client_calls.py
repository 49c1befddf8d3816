"""Helpers to call the client in tests: short timeouts, errors as return values."""

from collections.abc import Callable, Mapping

from kie.client import Client
from kie.errors import StudioError
from kie.generation import Generation
from kie.timing import Timing

KEY = "sk-0123456789abcdef-secret"
LIGHTHOUSE = Generation("a lighthouse")
# Endless replies: in the header, in the body, in a chunk of the body.
ENDLESS_HEAD = b"HTTP/1.1 200 OK\r\nX-Long: "
ENDLESS_BODY = b"HTTP/1.1 200 OK\r\n\r\n"
ENDLESS_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"


def quick_client(url: str, options: Mapping[str, object] = {}, **waiting: float) -> Client:
    """Return a client with short timeouts, or with those given."""
    waits = {"connect_s": 2, "read_s": 0.3, "upload_read_s": 0.3, "reply_s": 0.5, "fetch_s": 0.5}
    return Client(url, url, lambda: KEY, timing=Timing(**waits | waiting), **options)


def outcome(call: Callable[[], object]) -> object:
    """Return the result of a call, or the StudioError that it raises."""
    try:
        return call()
    except StudioError as error:
        return error


def create(client: Client, generation: Generation = LIGHTHOUSE, **options: object) -> object:
    return outcome(lambda: client.create_task(generation, [], **options))
