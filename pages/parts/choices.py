"""The settings of a request: shape, size, format and how many, with what they cost and what comes out."""

from functools import cache
from urllib.parse import quote

import streamlit as st

from kie.generation import ASPECT_RATIOS, IMAGES_LIMIT, OUTPUT_FORMATS, RESOLUTIONS
from kie.prices import Price
from kie.studio import Studio
from pages.parts import templates, words

Prices = dict[str, Price | None]

# Mid grey, which can be seen on a light page and on a dark one.
LINE = "#8a8172"
ICON_PX, SHAPE_PX = 20, 18
KEPT = {"horizontal": True, "persist_state": "session"}


def ask() -> None:
    """Ask for shape, size and format, and say what they come to."""
    prices = {resolution: Studio.current().price(resolution) for resolution in RESOLUTIONS}
    # Radio buttons: the chosen one of Streamlit's pills is amber on amber, which is too faint in the dark.
    st.radio("Aspect ratio", ASPECT_RATIOS, key="aspect_ratio", format_func=shape, **KEPT)
    with st.container(horizontal=True, gap="medium"):
        st.radio("Resolution", RESOLUTIONS, key="resolution", captions=_captions(prices), **KEPT)
        st.radio("Output format", OUTPUT_FORMATS, key="output_format", format_func=str.upper, **KEPT)
    presets, told = st.columns([2, 5], vertical_alignment="center")
    with presets:
        templates.ask_preset()
    with told:
        # Not on the fields themselves: their help would carry the field's label a second time.
        st.caption(_outcome(prices), help=_sources(prices))


def ask_images() -> None:
    """Ask how many pictures of one request are wanted."""
    st.number_input(
        "Images",
        1,
        IMAGES_LIMIT,
        key="images",
        persist_state="session",
    )


@cache
def shape(ratio: str) -> str:
    """Draw an aspect ratio beside its name, as Markdown."""
    if ratio == "auto":
        width, height, dash = 14.0, 14.0, ' stroke-dasharray="3 2"'
    else:
        across, down = (int(part) for part in ratio.split(":"))
        width, height, dash = SHAPE_PX * across / max(across, down), SHAPE_PX * down / max(across, down), ""
    left, top = (ICON_PX - width) / 2 + 0.75, (ICON_PX - height) / 2 + 0.75
    box = f'x="{left:.2f}" y="{top:.2f}" width="{width - 1.5:.2f}" height="{height - 1.5:.2f}" rx="1.5"'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{ICON_PX}" height="{ICON_PX}">'
        f'<rect {box} fill="none" stroke="{LINE}" stroke-width="1.5"{dash}/></svg>'
    )
    return f"![](data:image/svg+xml,{quote(svg)}) {ratio.capitalize()}"


def _captions(prices: Prices) -> list[str]:
    return [words.credits(price.credits) if price else "price unknown" for price in prices.values()]


def _sources(prices: Prices) -> str:
    """Say where the prices come from."""
    lines = [f"{resolution}: {price.source}." for resolution, price in prices.items() if price]
    return "Credits for one picture. " + " ".join(dict.fromkeys(lines)) if lines else "The price is not known yet."


def _outcome(prices: Prices) -> str:
    """Say which pixels come out, and which resolutions cost the same."""
    form = st.session_state
    size = Studio.current().expected_size(form["aspect_ratio"], form["resolution"])
    one, two = prices["1K"], prices["2K"]
    same = " 1K and 2K cost the same." if one and two and one.credits == two.credits else ""
    return f"{size}.{same}"
