"""The server: Streamlit over `pages/frame.py`, our routes beside it, the studio opened and closed with it.

Start it with `streamlit run app.py`.
"""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pandas  # noqa: F401  (imported here so that no visitor waits for it)
import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from kie.errors import SettingsInvalid
from kie.memory import return_large_blocks
from kie.routes import routes
from kie.settings import Settings
from kie.studio import Studio
from pages.parts.delivery import (
    keep_what_is_in_line,
    keep_what_was_asked_for,
    keep_what_was_begun,
    send_what_belongs_together,
)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What is still on its way to a browser, or from one, when the server ends.
LAST_WORDS_S = 1

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def open_studio() -> Studio:
    """Open the studio, or end the server with a sentence that says which setting stands in the way."""
    try:
        address = st.get_option("server.address")
        if address not in LOOPBACK:
            raise SettingsInvalid(
                f"server.address is {address or 'every network'}: anyone there could spend your credits. "
                "Leave it at 127.0.0.1 and put a proxy with sign-in in front (see the README)."
            )
        return Studio(Settings.load()).open()
    except SettingsInvalid as error:
        print(f"\nThe studio can't start. {error.detail}\n", file=sys.stderr, flush=True)
        # Nothing is open yet, and any other way out of a lifespan buries the sentence under a traceback.
        os._exit(1)


def public_hosts() -> list[str]:
    """Name the hosts under which a browser may speak to us: another site must not, even by a name that leads here."""
    public = urlsplit(Settings.load().public_url).hostname
    return ["127.0.0.1", "localhost", "[::1]", *([public] if public else [])]


def end_in_time() -> None:
    """Let no stalled browser hold up the end of the server: Streamlit sets no limit, and its server is nowhere to be had."""
    for found in gc.get_objects():
        if isinstance(found, uvicorn.Server):
            found.config.timeout_graceful_shutdown = LAST_WORDS_S


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Work from before the first visitor until after the last."""
    return_large_blocks()
    end_in_time()
    keep_what_is_in_line()
    keep_what_was_asked_for()
    keep_what_was_begun()
    send_what_belongs_together()
    studio = open_studio()
    # Streamlit collects all garbage after every run; what was imported once need not be walked through each time.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        studio.close()


app = st.App(
    Path(__file__).parent / "pages" / "frame.py",
    lifespan=lifespan,
    routes=routes(Studio.current),
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=public_hosts(), www_redirect=False)],
)
