"""A page that shows the gallery with the scene in its folder and records presses and selections."""

import json
import pickle
from pathlib import Path

import streamlit as st

from pages.parts.gallery import gallery

SCENE, PRESSED = Path("scene.pickle"), Path("pressed.jsonl")
WAKE = """
export default ({ setTriggerValue }) => {
  window.showAgain = () => setTriggerValue("again", Date.now())
}
"""
_waker = st.components.v2.component("waker", js=WAKE)


def scene() -> dict:
    """Read the scene: keyword arguments for `gallery.show`."""
    return pickle.loads(SCENE.read_bytes())


def press(action: str, item: str | None, group: str) -> None:
    """Record a press. "clear" empties the selection."""
    with PRESSED.open("a") as out:
        out.write(json.dumps([action, item, group]) + "\n")
    if action == "clear":
        gallery.select(scene()["key"], [])


@st.fragment(run_every=3600)
def show_scene() -> None:
    """Show the current scene, and again whenever a test calls `window.showAgain`.

    `run_every` is set as on our pages: without it, Streamlit does not rerun a page after its server was restarted.
    """
    _waker(key="waker", on_again_change=lambda: None, height=1)
    shown = scene()
    chosen = gallery.show(on_act=press, **shown)
    st.text(f"Chosen: {', '.join(chosen) or 'nothing'}")
    st.text(shown["key"])


st.set_page_config(page_title="Nano Banana Studio", layout="wide")
st.title("Gallery")
show_scene()
