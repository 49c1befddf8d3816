"""The server: Streamlit with `pages/frame.py`, our routes, and the studio, which is opened and closed with it.

Start it with `streamlit run app.py`.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pandas  # noqa: F401  (imported here so that no visitor waits for it)
import streamlit as st
from starlette.middleware import Middleware

from kie.errors import SettingsInvalid
from kie.memory import return_large_blocks
from kie.permissions import keep_private
from kie.settings import Settings
from kie.studio import Studio
from kie.web.api import api_routes
from kie.web.connection_check import connection_routes
from kie.web.guard import Guard, Rules
from kie.web.limits import Limits
from kie.web.routes import routes
from kie.web.sockets import Connections, raise_file_limit
from pages.parts.recorded import show_refusal

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# After a stop signal, connections that are still open are closed after this time.
CLOSE_AFTER_S = 1

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@contextlib.contextmanager
def exit_if_invalid() -> Iterator[None]:
    """Exit with the sentence of an invalid setting. A usual exit would print a traceback with it."""
    try:
        yield
    except SettingsInvalid as error:
        print(f"\nThe studio can't start. {error.detail}\n", file=sys.stderr, flush=True)
        os._exit(1)


def open_studio() -> Studio:
    """Open the studio. Raises SettingsInvalid."""
    address = st.get_option("server.address")
    if address not in LOOPBACK:
        raise SettingsInvalid(
            f"server.address is {address or 'every network'}: anyone there could spend your credits. "
            "Leave it at 127.0.0.1 and put a proxy with sign-in in front (see the README)."
        )
    if st.get_option("server.baseUrlPath").strip("/"):
        raise SettingsInvalid(
            "server.baseUrlPath is set: leave it empty, and let the proxy take the path off (see the README)."
        )
    return Studio(settings).open()


def close_at_exit() -> None:
    """Close all connections soon after a stop signal: Streamlit would wait for a stalled browser without a limit."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def end(received: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(loop.call_later, CLOSE_AFTER_S, connections.close_all)
            before(received, frame)

        if callable(before):
            signal.signal(number, end)


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Open the studio before the first visitor, and close it after the last."""
    keep_private()
    return_large_blocks()
    close_at_exit()
    with exit_if_invalid():
        studio = open_studio()
    studio.store.database.connect_all()
    connections.ports.add(st.get_option("server.port"))
    # Streamlit collects garbage after every run. Frozen, the imported modules are not scanned each time.
    gc.collect()
    gc.freeze()
    try:
        async with connections.watched():
            yield
    finally:
        studio.close()


with exit_if_invalid():
    settings = Settings.load()
rules = Rules(settings.public_url, settings.frame_ancestors)
connections = Connections(raise_file_limit())
app = st.App(
    Path(__file__).parent / "pages" / "frame.py",
    lifespan=lifespan,
    routes=[*routes(Studio.current), *api_routes(Studio.current), *connection_routes(settings.public_url)],
    # Limits is inside Guard, so that its refusals have the security headers.
    middleware=[Middleware(Guard, rules=rules), Middleware(Limits, connections=connections)],
    on_script_error=show_refusal,
    exception_handlers={Exception: rules.broken},
)
