"""Who is visiting: Streamlit's own sign-in with OpenID Connect, where an issuer is set up."""

from __future__ import annotations

import streamlit as st

from skerry.chat.doors.connection import RefusedError
from skerry.chat.web.host import Host
from skerry.errors import ConfigurationError, SkerryError


def token(host: Host) -> str | None:
    """The visitor's token for the agent; empty where nobody signs in, None while somebody still has to.

    Raises ConfigurationError when the sign-in gave another token than the agent wants.
    """
    if not host.token:
        return ""
    if not st.user.get("is_logged_in"):
        return None
    held = st.user.tokens.to_dict().get(host.token, "")
    if not held:
        raise ConfigurationError(
            f"the sign-in gave no {host.token} token.",
            hint="Set SKERRY_WEB_TOKEN to the other one, or ask the provider for it.",
        )
    return held


def gate() -> None:
    """The page of a visitor who has not signed in."""
    with st.container(key="gate"):
        st.title("skerry", anchor=False)
        st.markdown("Sign in to talk to the agent. It acts with your identity, not with the server's.")
        if st.button("Sign in", type="primary", icon=":material/login:", key="signin"):
            st.login()


def badge(host: Host) -> None:
    """Who is signed in, and the way out."""
    if not host.token:
        return
    name = next((str(st.user[key]) for key in ("email", "name", "sub") if st.user.get(key)), "somebody")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(name)
        if st.button("Sign out", icon=":material/logout:", key="signout"):
            st.logout()


def refused(problem: SkerryError, host: Host) -> bool:
    """Whether a visitor's token was refused: Streamlit does not look at its age, the agent does."""
    return bool(host.token) and isinstance(problem, RefusedError) and problem.status == 401


def again() -> None:
    """The way to a new token."""
    if st.button("Sign in again", icon=":material/login:", key="signin-again"):
        st.login()
