"""The server: Streamlit over `pages/frame.py`, our routes beside it, the studio opened and closed with it.

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
from kie.web.connection import connection_routes
from kie.web.guard import Guard, Rules
from kie.web.limits import Limits
from kie.web.routes import routes
from kie.web.sockets import Connections, raise_file_limit
from pages.parts.recorded import show_refusal

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What is still on its way to a browser, or from one, when the server ends.
LAST_WORDS_S = 1

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@contextlib.contextmanager
def plain_end() -> Iterator[None]:
    """End the server with the sentence of a setting that can't be used: any other way out buries it under a traceback."""
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


def end_in_time() -> None:
    """Let no stalled browser hold up the end of the server: Streamlit sets no limit for its last answers, so this does."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def end(received: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(loop.call_later, LAST_WORDS_S, connections.close_all)
            before(received, frame)

        if callable(before):
            signal.signal(number, end)


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Work from before the first visitor until after the last."""
    keep_private()
    return_large_blocks()
    end_in_time()
    with plain_end():
        studio = open_studio()
    studio.store.database.connect_all()
    connections.ports.add(st.get_option("server.port"))
    # Streamlit collects all garbage after every run; what was imported once need not be walked through each time.
    gc.collect()
    gc.freeze()
    try:
        async with connections.watched():
            yield
    finally:
        studio.close()


with plain_end():
    settings = Settings.load()
rules = Rules(settings.public_url, settings.frame_ancestors)
connections = Connections(raise_file_limit())
app = st.App(
    Path(__file__).parent / "pages" / "frame.py",
    lifespan=lifespan,
    routes=[*routes(Studio.current), *api_routes(Studio.current), *connection_routes(settings.public_url)],
    # The limits stand within the guard, so that their refusals carry its headers.
    middleware=[Middleware(Guard, rules=rules), Middleware(Limits, connections=connections)],
    on_script_error=show_refusal,
    exception_handlers={Exception: rules.broken},
)
