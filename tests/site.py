"""Our routes over a studio, on a socket of their own."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from kie.routes import routes
from kie.studio import Studio
from tests.lives import until


@contextlib.contextmanager
def served(studio: Studio) -> Iterator[str]:
    """Serve our routes over a studio on a free port, and yield the address."""
    app = Starlette(routes=routes(lambda: studio))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="websockets-sansio"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
