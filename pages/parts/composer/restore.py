"""Offers to put the request in the receipt of an added picture into the form."""

import streamlit as st

from kie.generation import Generation
from kie.images import receipts
from pages.parts.composer import prompt_tools
from pages.parts.references import strip

SHOWN = 160


def offer() -> None:
    """Offer to restore the request of the picture that was added last, if it has a receipt."""
    # It comes from the browser, so it is validated again.
    receipt = strip.chosen().receipt
    request = receipts.request(receipt) if isinstance(receipt, dict) else None
    if request is None:
        return
    with st.container(border=True, gap="small"):
        st.caption(":material/receipt_long: The picture you just added contains its request:")
        st.text(request.prompt[:SHOWN], wrap=False)
        with st.container(horizontal=True, gap="small"):
            restored = {"on_click": _restore, "args": (request,)}
            st.button("Restore its request", key="receipt-restore", icon=":material/undo:", **restored)
            st.button("Just use the picture", key="receipt-keep", type="tertiary", on_click=strip.drop_receipt)


def _restore(request: Generation) -> None:
    prompt_tools.put_request(request)
    strip.drop_receipt()
