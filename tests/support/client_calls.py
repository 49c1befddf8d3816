"""Helpers to call the client in tests: timeouts long or short, errors as return values."""

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


# For replies that never end. Where a reply is wanted, a busy machine would be taken for such a service.
HASTE = {"read_s": 0.3, "upload_read_s": 0.3, "reply_s": 0.5, "fetch_s": 0.5}


def client_of(url: str, options: Mapping[str, object] = {}, **waits: float) -> Client:
    """Return a client with a key, with the usual timeouts or those given."""
    return Client(url, url, lambda: KEY, timing=Timing(**waits), **options)


def outcome(call: Callable[[], object]) -> object:
    """Return the result of a call, or the StudioError that it raises."""
    try:
        return call()
    except StudioError as error:
        return error


def create(client: Client, generation: Generation = LIGHTHOUSE, **options: object) -> object:
    return outcome(lambda: client.create_task(generation, [], **options))
