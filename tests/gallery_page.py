"""A page that shows the gallery with what lies in its folder, and writes down what was pressed and chosen there."""

import json
import pickle
from pathlib import Path

import streamlit as st

from pages.parts import gallery

SCENE, PRESSED = Path("scene.pickle"), Path("pressed.jsonl")
WAKE = """
export default ({ setTriggerValue }) => {
  window.showAgain = () => setTriggerValue("again", Date.now())
}
"""
_waker = st.components.v2.component("waker", js=WAKE)


def scene() -> dict:
    """Read what is to be shown, as arguments of the gallery."""
    return pickle.loads(SCENE.read_bytes())


def press(action: str, item: str | None, group: str) -> None:
    """Write down what was pressed, and on what. A cancel leaves as some pages' answers do."""
    with PRESSED.open("a") as out:
        out.write(json.dumps([action, item, group]) + "\n")
    if action == "clear":
        gallery.select(scene()["key"], [])
    if action == "cancel":
        st.rerun()


@st.fragment(run_every=3600)
def show_scene() -> None:
    """Show the scene as it is now, and again whenever a test says so.

    Streamlit runs a page again when its server is back only if something on it runs by itself, as on ours.
    """
    _waker(key="waker", on_again_change=lambda: None, height=1)
    shown = scene()
    chosen = gallery.show(on_act=press, **shown)
    st.text(f"Chosen: {', '.join(chosen) or 'nothing'}")
    st.text(shown["key"])


st.set_page_config(page_title="Nano Banana Studio", layout="wide")
st.title("Gallery")
show_scene()
