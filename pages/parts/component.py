"""Our components: each is made of files that stand beside the Python that draws it."""

from pathlib import Path
from typing import Any

import streamlit as st

_PARTS = Path(__file__).parent


def component(name: str, *files: str) -> Any:
    """Return a component of these files below `parts`. Those of one kind are joined: each script uses what stands above it."""
    texts: dict[str, list[str]] = {}
    for file in ("base.css", *files):
        kind = file.rpartition(".")[2]
        texts.setdefault(kind, []).append((_PARTS / file).read_text(encoding="utf-8"))
    return st.components.v2.component(name, **{kind: "\n".join(parts) for kind, parts in texts.items()})
