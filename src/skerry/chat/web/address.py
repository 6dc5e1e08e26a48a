"""The open conversation in the page's address, so that a reload, a bookmark and the back button find it."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

from skerry.chat.web.visit import Visit

PARAMETER = "conversation"


def follow(visit: Visit) -> None:
    """Opens the conversation of the address, unless it is open or could not be had."""
    wanted = st.query_params.get(PARAMETER, "")
    if wanted and wanted not in (visit.id, st.session_state.get("refused")):
        visit.open(wanted)
        st.session_state["refused"] = wanted if visit.id != wanted else ""


def go(visit: Visit) -> NoReturn:
    """Draws the page anew, with the visit's conversation in its address."""
    if visit.asked:
        st.query_params[PARAMETER] = visit.id
    elif PARAMETER in st.query_params:
        del st.query_params[PARAMETER]
    st.rerun()
