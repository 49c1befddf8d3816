"""Custom components, each made of files beside the Python module that draws it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

_PARTS = Path(__file__).parent


def component(name: str, *files: str) -> Callable[..., Any]:
    """Return a component of these files below `parts`. Files of one kind are joined, so a script can use those before it.

    Its script also gets the id of the session, and a number by which it tells older data from newer (calls.js).
    """
    texts: dict[str, list[str]] = {}
    for file in ("base.css", "calls.js", *files):
        kind = file.rpartition(".")[2]
        texts.setdefault(kind, []).append((_PARTS / file).read_text(encoding="utf-8"))
    mount = st.components.v2.component(name, **{kind: "\n".join(parts) for kind, parts in texts.items()})

    def draw(key: str, data: dict[str, Any], **options: Any) -> Any:
        return mount(key=key, data=data | {"session": session_id(), "number": _number(key, data)}, **options)

    return draw


def session_id() -> str:
    """Return the id of this session. A reload of the tab, or a restart of the server, starts a new session."""
    return st.session_state.setdefault("tab", uuid4().hex)


def _number(key: str, data: dict[str, Any]) -> int:
    """Return how often the data under this key has changed in this session."""
    drawn = st.session_state.setdefault("drawn", {})
    number, last = drawn.get(key, (0, None))
    if data != last:
        drawn[key] = (number + 1, data)
    return drawn[key][0]
