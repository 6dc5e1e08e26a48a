"""The page: one run of the script for each click, drawn from what the visit holds."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from skerry.chat.web import address, panels, questions, sidebar, signin
from skerry.chat.web.host import Choice, Host, current
from skerry.chat.web.transcript import Answer, Question
from skerry.chat.web.visit import Visit
from skerry.errors import SkerryError

TICK = 0.2
"""Seconds between two looks at what was heard; what else is on the page stays usable meanwhile."""
ICON = Path(__file__).with_name("icon.svg").read_text(encoding="utf-8")
STYLE = Path(__file__).with_name("style.css")
EXAMPLES = (
    "What can you do?",
    "Show me a chart of the account balances",
    "List the running EC2 instances of us-east-1",
)


def show() -> None:
    """Draws everything."""
    # Streamlit fetches emoji and symbols for the tab from the network; a picture of our own it does not.
    st.set_page_config(page_title="skerry", page_icon=ICON, layout="centered")
    st.html(STYLE)
    try:
        host = current()
        token = signin.token(host)
    except SkerryError as error:
        panels.problem(error)
        return
    if token is None:
        signin.gate()
        return
    visit = _visit(host, token)
    address.follow(visit)
    shown, place = sidebar.draw(visit)
    visit.preferences = shown.preferences()
    _conversation(visit, shown)
    _ask(visit, shown)
    sidebar.conversations(visit, place)


def _visit(host: Host, token: str) -> Visit:
    """This tab's visit. Nothing of it is ever shared: it holds somebody's identity."""
    visit = st.session_state.get("visit")
    if not isinstance(visit, Visit) or visit.host is not host or visit.choice.token != token:
        visit = st.session_state["visit"] = Visit(host, Choice(token=token))
    return visit


def _conversation(visit: Visit, shown: panels.Shown) -> None:
    turns = panels.turns(visit.entries)
    if not turns:
        _welcome(visit, shown)
    for number, turn in enumerate(turns):
        if isinstance(turn, Question):
            panels.question(turn, number)
            continue
        with (
            st.container(key=f"answer-{number}"),
            st.chat_message("assistant", avatar=":material/sailing:"),
        ):
            if visit.listening and number == len(turns) - 1:
                st.fragment(_live, run_every=TICK)(visit, turn, shown, number)
            else:
                panels.answers(turn, shown, number)
                if number == len(turns) - 1:
                    questions.draw(visit)
    if visit.notice:
        st.info(visit.notice, icon=":material/info:")
    if visit.problem is not None:
        if signin.refused(visit.problem, visit.host):
            panels.problem(visit.problem, "Your sign-in is too old for the agent.")
            signin.again()
        else:
            panels.problem(visit.problem)


def _live(visit: Visit, turn: list[Answer], shown: panels.Shown, number: int) -> None:
    """The answer that is under way, drawn anew at each tick."""
    if not visit.catch_up():
        st.rerun()
    panels.answers(turn, shown, number)
    with st.container(horizontal=True, vertical_alignment="center", key="working"):
        if st.button("Stop", icon=":material/stop_circle:", key="stop", disabled=not visit.run):
            visit.cancel()
        st.markdown(":shimmer[The agent is working …]")


def _welcome(visit: Visit, shown: panels.Shown) -> None:
    st.title("What shall we look at?", anchor=False)
    st.markdown("Ask in your own words. Before the agent changes anything it shows what it is about to do.")
    with st.container(horizontal=True):
        for index, example in enumerate(EXAMPLES):
            if st.button(example, key=f"example-{index}"):
                _send(visit, example, shown)


def _ask(visit: Visit, shown: panels.Shown) -> None:
    busy, open_question = visit.listening, bool(visit.interrupts)
    placeholder = (
        "The agent is answering …"
        if busy
        else "Answer the agent's question first"
        if open_question
        else "Ask about your accounts and your cloud"
    )
    prompt = st.chat_input(placeholder, key="prompt", disabled=busy or open_question, max_chars=20_000)
    if prompt and prompt.strip():
        _send(visit, prompt.strip(), shown)


def _send(visit: Visit, prompt: str, shown: panels.Shown) -> None:
    visit.ask(prompt, shown.preferences())
    address.go(visit)
