"""The sidebar: conversations, the agent and its region, the session, and what is shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skerry.chat import replay
from skerry.chat.agents import Agent
from skerry.chat.backend import Summary
from skerry.chat.web import panels, signin
from skerry.chat.web.address import go
from skerry.chat.web.host import Choice
from skerry.chat.web.panels import Shown
from skerry.chat.web.safe import plain
from skerry.chat.web.visit import Visit
from skerry.errors import SkerryError

MAX_TITLE = 44
MAX_ROWS = 7
SCROLLED = 300
"""Pixels of a list of more rows than that."""


def draw(visit: Visit) -> tuple[Shown, DeltaGenerator]:
    """Draws all but the conversations. Returns what is shown of the answers, and the place for them.

    Their list comes from the agent, which may take its time; the page is not held up by it.
    """
    with st.sidebar:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(":material/sailing: skerry", anchor=False)
        signin.badge(visit.host)
        if st.button("New conversation", icon=":material/add:", type="primary", width="stretch", key="new"):
            visit.begin()
            go(visit)
        place = st.expander("Conversations", icon=":material/forum:", expanded=True)
        _agent(visit)
        shown = _view()
        _session(visit)
    return shown, place


def conversations(visit: Visit, place: DeltaGenerator) -> None:
    """The visitor's conversations, newest first."""
    if not visit.listening or not visit.listed:
        visit.refresh()
    with place:
        if visit.list_problem is not None:
            st.caption(plain(str(visit.list_problem)))
        elif not visit.listed:
            st.caption("None yet.")
        with st.container(
            height=SCROLLED if len(visit.listed) > MAX_ROWS else "content", border=False, gap=None
        ):
            for summary in visit.listed:
                _conversation(visit, summary)
            if visit.cursor and st.button("Show older ones", key="older", type="tertiary"):
                visit.more()
                st.rerun()


def _conversation(visit: Visit, summary: Summary) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        chosen = st.button(
            plain(_title(summary)),
            key=f"open-{summary.id}",
            help=f"{summary.count} messages, {ago(time.time() - summary.updated)}",
            type="secondary" if summary.id == visit.id else "tertiary",
            width="stretch",
        )
        remove = st.button(
            f"Delete {plain(_title(summary))}",  # read out; seen is the icon alone
            icon=":material/delete:",
            key=f"delete-{summary.id}",
            type="tertiary",
        )
    if chosen:
        visit.open(summary.id)
        go(visit)
    if remove:
        _delete(visit, summary)


@st.dialog("Delete this conversation?")
def _delete(visit: Visit, summary: Summary) -> None:
    st.markdown(f"**{plain(_title(summary))}**")
    st.markdown(f"Its {summary.count} messages are deleted for good.")
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:", key="delete-sure"):
            visit.delete(summary.id)
            go(visit)
        if st.button("Keep it", key="delete-not"):
            st.rerun()


def _agent(visit: Visit) -> None:
    host = visit.host
    with st.expander("Agent and region", icon=":material/smart_toy:"):
        region = host.region
        if host.regions:
            options = list(dict.fromkeys((host.region, *host.regions)))
            region = str(
                st.selectbox("Region", options, key="region", disabled=visit.listening) or host.region
            )
        elif region:
            st.caption(f"Region {plain(region)}")
        chosen = ""
        if host.agents is not None:
            chosen = _picker(visit, region)
        else:
            st.caption("This page talks to one agent.")
        try:
            st.caption(f"Talking to {plain(visit.backend.name)}")
        except SkerryError as error:
            panels.problem(error)
    wanted = Choice(agent=chosen, region=region if region != host.region else "", token=visit.choice.token)
    if wanted != visit.choice and not visit.listening:
        visit.choose(wanted)
        go(visit)


def _picker(visit: Visit, region: str) -> str:
    """The chosen runtime's ARN; empty for the one of the command line."""
    assert visit.host.agents is not None
    known: tuple[str, Sequence[Agent]] | None = st.session_state.get("agents")
    try:
        if known is None or known[0] != region:
            known = st.session_state["agents"] = (region, visit.host.agents(region))
    except SkerryError as error:
        panels.problem(error)
        known = (region, ())
    labels = {"": "As started"} | {agent.arn: _name(agent) for agent in known[1]}
    chosen = st.selectbox(
        "Agent", list(labels), format_func=labels.__getitem__, key=f"agent-{region}", disabled=visit.listening
    )
    if st.button("Look again", icon=":material/refresh:", key="agents-again", type="tertiary"):
        st.session_state.pop("agents", None)
        st.rerun()
    return str(chosen or "")


def _name(agent: Agent) -> str:
    version = f" · version {agent.version}" if agent.version else ""
    state = f" · {agent.status.lower()}" if agent.status not in ("", "READY") else ""
    return f"{agent.name}{version}{state}"


def _view() -> Shown:
    with st.expander("View", icon=":material/visibility:"):
        return Shown(
            auto_format=st.toggle("Format answers and tables", value=True, key="auto_format"),
            show_tools=st.toggle("Show tool calls", value=True, key="show_tools"),
            show_thinking=st.toggle("Show thinking", value=False, key="show_thinking"),
            show_raw=st.toggle("Show raw events", value=False, key="show_raw"),
        )


def _session(visit: Visit) -> None:
    with st.expander("Session", icon=":material/key:"):
        st.caption("Session id, which is the conversation's too")
        st.code(visit.id, language=None, wrap_lines=True)
        with st.form("resume", border=False, clear_on_submit=True):
            wanted = st.text_input("Go on with another session", key="resume-id", max_chars=256)
            if st.form_submit_button("Resume", key="resume-go") and wanted.strip():
                visit.open(wanted.strip())
                go(visit)
        if visit.asked and not visit.listening:
            st.caption("Download this conversation")
            with st.container(horizontal=True):
                _download(visit, "Markdown", "md", "text/markdown", replay.as_markdown)
                _download(visit, "JSON", "json", "application/json", replay.as_json)


def _download(visit: Visit, label: str, suffix: str, mime: str, write: Any) -> None:
    def data() -> str:
        return str(write(visit.kept()))

    st.download_button(
        label,
        data,
        file_name=f"conversation-{visit.id[:8]}.{suffix}",
        mime=mime,
        icon=":material/download:",
        key=f"download-{suffix}",
        on_click="ignore",
    )


def _title(summary: Summary) -> str:
    title = " ".join(summary.title.split()) or "Untitled"
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…"


def ago(seconds: float) -> str:
    """How long ago, for people."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count > 0:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"
