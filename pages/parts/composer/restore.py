"""A picture of ours that comes back carries the request that made it: offered to the form, in place of what stands there."""

from typing import Any

import streamlit as st

from kie.generation import Generation
from pages.parts.composer import form_state, prompt_tools
from pages.parts.references import strip

SHOWN = 160
form = st.session_state


def offer() -> None:
    """Offer to restore the request of the picture that was added last, if it carries one."""
    request = _request(strip.chosen().receipt)
    if request is None:
        return
    with st.container(border=True, gap="small"):
        st.caption(":material/receipt_long: The picture that you have just added says what it was made from:")
        st.text(request.prompt[:SHOWN], wrap=False)
        with st.container(horizontal=True, gap="small"):
            restored = {"on_click": _restore, "args": (request,)}
            st.button("Restore its request", key="receipt-restore", icon=":material/undo:", **restored)
            st.button("Just use the picture", key="receipt-keep", type="tertiary", on_click=strip.drop_receipt)


def _request(told: Any) -> Generation | None:
    """Read a receipt as the browser hands it on: believed only as far as it could be sent."""
    if not isinstance(told, dict):
        return None
    values = {name: told.get(name) for name in ("prompt", *form_state.options())}
    if not all(isinstance(value, str) for value in values.values()):
        return None
    references = told.get("references")
    ids = [str(each) for each in references] if isinstance(references, list) else []
    request = Generation(references=tuple(ids), **values)
    return None if request.faults() else request


def _restore(request: Generation) -> None:
    prompt_tools.put_request(request)
    strip.drop_receipt()
