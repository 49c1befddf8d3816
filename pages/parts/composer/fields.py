"""The fields for aspect ratio, resolution, format and number of images, with prices and pixel sizes."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from kie.generation import ASPECT_RATIOS, IMAGES_LIMIT, OUTPUT_FORMATS, RESOLUTIONS
from kie.money.prices import Price
from kie.studio import Studio
from kie.views import format
from kie.views.shapes import shape
from pages.parts.composer import prompt_tools, saved_lists

Prices = dict[str, Price | None]
RATIO, SIZE = "dock-ratio", "dock-size"
USUAL = (1, 2, 4, 8)
KEPT = {"horizontal": True, "persist_state": "session"}
# Fields that do not change the price cause no run: the next one reads them, at the latest when the popover closes.
FREE = KEPT | {"on_change": "ignore"}
session = st.session_state


def ask() -> None:
    """Show the fields, the popovers of which name the chosen values."""
    with _popover(RATIO, shape(session["aspect_ratio"])) as ratio, saved_lists.opening_upward():
        if ratio.open:
            choose("Aspect ratio", ASPECT_RATIOS, "aspect_ratio", format_func=shape, **FREE)
    label = f"{session['resolution']} · {session['output_format'].upper()}"
    with _popover(SIZE, label, ":material/tune:") as size, saved_lists.opening_upward():
        if size.open:
            prices = {resolution: Studio.current().estimates.price(resolution) for resolution in RESOLUTIONS}
            captions = [format.credits(price.credits) if price else "price unknown" for price in prices.values()]
            choose("Resolution", RESOLUTIONS, "resolution", captions=captions, **KEPT)
            choose("Output format", OUTPUT_FORMATS, "output_format", format_func=str.upper, **FREE)
            # Not on the fields themselves: their help would repeat the field's label.
            st.caption(_outcome(prices), help=_sources(prices))
    ask_images()
    saved_lists.popover(prompt_tools.PRESETS, "Presets", None, prompt_tools.show_presets)


def choose(label: str, values: Sequence[str], key: str, **options: Any) -> None:
    """Show a field for one of the values, with the chosen one as its default.

    When a run interrupts another that the browser has not received completely, Streamlit creates fields again, with defaults.
    """
    st.radio(label, values, values.index(session[key]), key=key, **options)


def ask_images() -> None:
    """Show the number of images: the usual ones as buttons, the others in a menu."""
    images = session["images"]
    session["images_usual"] = images if images in USUAL else None
    others = [number for number in range(1, IMAGES_LIMIT + 1) if number not in USUAL]
    label = "Other" if images in USUAL else f"{images} images"
    row = {"horizontal": True, "wrap": False, "vertical_alignment": "center", "gap": "xsmall", "width": "content"}
    with st.container(**row):
        usual = {"key": "images_usual", "on_change": _take_images, "args": ("images_usual",)}
        st.segmented_control("Images", USUAL, label_visibility="collapsed", **usual)
        st.menu_button(label, others, key="images_other", on_click=_take_images, args=("images_other",))


def _take_images(field: str) -> None:
    session["images"] = session[field] or session["images"]


def _popover(key: str, label: str, icon: str | None = None) -> Any:
    """Open a popover whose label is the chosen value. While it is open, the label is kept, because a new one would close it."""
    shown = f"{key}-label"
    if not (session.get(key) and shown in session):
        session[shown] = label
    # Fields in a closed popover are not drawn: they would keep sending their old value after another was put into the form.
    return st.popover(session[shown], icon=icon, key=key, on_change="rerun")


def _outcome(prices: Prices) -> str:
    """Return a text with the expected pixel size, and the resolutions that cost the same."""
    size = Studio.current().estimates.size(session["aspect_ratio"], session["resolution"])
    one, two = prices["1K"], prices["2K"]
    same = " 1K and 2K cost the same." if one and two and one.credits == two.credits else ""
    return f"{size}.{same}"


def _sources(prices: Prices) -> str:
    """Return a text with the sources of the prices."""
    lines = [f"{resolution}: {price.source}." for resolution, price in prices.items() if price]
    return " ".join(["Credits for one picture.", *lines]) if lines else "The price is not known yet."
