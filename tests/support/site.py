"""Serves our routes over a studio with the guard, on a socket of their own."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from kie.studio import Studio
from kie.web.api import api_routes
from kie.web.guard import Guard, Rules
from kie.web.limits import Limits
from kie.web.routes import routes
from kie.web.sockets import Connections
from tests.support.waiting import until


@contextlib.contextmanager
def served(studio: Studio, silent_s: float = 30.0) -> Iterator[str]:
    """Serve our routes over a studio on a free port and yield the URL. `silent_s` is the timeout of stalled requests."""
    connections = Connections(1024, silent_s)
    limits = Middleware(Limits, connections=connections, silent_s=silent_s)
    app = Starlette(
        routes=[*routes(lambda: studio), *api_routes(lambda: studio)],
        middleware=[Middleware(Guard, rules=Rules()), limits],
        lifespan=lambda _: connections.watched(),
    )
    with listening(app, lifespan="on") as url:
        connections.ports.add(int(url.rpartition(":")[2]))
        yield url


@contextlib.contextmanager
def listening(app: ASGIApp, lifespan: str = "off", port: int = 0) -> Iterator[str]:
    """Serve an app on this or a free port and yield its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan=lifespan, ws="websockets-sansio"))
    with socket.socket() as line:
        line.bind(("127.0.0.1", port))
        thread = threading.Thread(target=server.run, args=([line],))
        thread.start()
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{line.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
