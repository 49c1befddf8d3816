"""The settings of a request: shape, size, format and how many, with what they cost and what comes out."""

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
# What does not change the price runs no page: the next run has it, at the latest when the popover closes.
FREE = KEPT | {"on_change": "ignore"}
form = st.session_state


def ask() -> None:
    """Ask for shape, size, format and how many, and say what they come to."""
    with _popover(RATIO, shape(form["aspect_ratio"])) as ratio, saved_lists.opening_upward():
        if ratio.open:
            choose("Aspect ratio", ASPECT_RATIOS, "aspect_ratio", format_func=shape, **FREE)
    said = f"{form['resolution']} · {form['output_format'].upper()}"
    with _popover(SIZE, said, ":material/tune:") as size, saved_lists.opening_upward():
        if size.open:
            prices = {resolution: Studio.current().estimates.price(resolution) for resolution in RESOLUTIONS}
            captions = [format.credits(price.credits) if price else "price unknown" for price in prices.values()]
            choose("Resolution", RESOLUTIONS, "resolution", captions=captions, **KEPT)
            choose("Output format", OUTPUT_FORMATS, "output_format", format_func=str.upper, **FREE)
            # Not on the fields themselves: their help would carry the field's label a second time.
            st.caption(_outcome(prices), help=_sources(prices))
    ask_images()
    saved_lists.popover(prompt_tools.PRESETS, "Presets", None, prompt_tools.show_presets)


def choose(label: str, values: Sequence[str], key: str, **options: Any) -> None:
    """Ask for one of the values; what is chosen is the default too.

    Where a run of the dock begins before the browser has all of the run before, Streamlit draws fields anew, with their default.
    """
    st.radio(label, values, values.index(form[key]), key=key, **options)


def ask_images() -> None:
    """Ask how many: the usual numbers are one press, any other stands in a menu."""
    images = form["images"]
    form["images_usual"] = images if images in USUAL else None
    others = [number for number in range(1, IMAGES_LIMIT + 1) if number not in USUAL]
    label = "Other" if images in USUAL else f"{images} images"
    row = {"horizontal": True, "wrap": False, "vertical_alignment": "center", "gap": "xsmall", "width": "content"}
    with st.container(**row):
        usual = {"key": "images_usual", "on_change": _take_images, "args": ("images_usual",)}
        st.segmented_control("Images", USUAL, label_visibility="collapsed", **usual)
        st.menu_button(label, others, key="images_other", on_click=_take_images, args=("images_other",))


def _take_images(field: str) -> None:
    form["images"] = form[field] or form["images"]


def _popover(key: str, label: str, icon: str | None = None) -> Any:
    """Open a popover that says what is chosen in it; while it is open, what was: another label would close it."""
    said = f"{key}-said"
    if not (form.get(key) and said in form):
        form[said] = label
    # What is drawn in a closed popover would keep telling its old value after another was put into the form.
    return st.popover(form[said], icon=icon, key=key, on_change="rerun")


def _outcome(prices: Prices) -> str:
    """Say which pixels come out, and which resolutions cost the same."""
    size = Studio.current().estimates.size(form["aspect_ratio"], form["resolution"])
    one, two = prices["1K"], prices["2K"]
    same = " 1K and 2K cost the same." if one and two and one.credits == two.credits else ""
    return f"{size}.{same}"


def _sources(prices: Prices) -> str:
    """Say where the prices come from."""
    lines = [f"{resolution}: {price.source}." for resolution, price in prices.items() if price]
    return " ".join(["Credits for one picture.", *lines]) if lines else "The price is not known yet."
