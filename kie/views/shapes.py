"""Icons of aspect ratios."""

from functools import cache
from urllib.parse import quote

# Mid grey, visible in light and dark mode.
LINE = "#8a8172"
ICON_PX, SHAPE_PX = 20, 18


@cache
def shape(ratio: str) -> str:
    """Return Markdown with the icon and the name of an aspect ratio."""
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
