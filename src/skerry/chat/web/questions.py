"""The agent's open questions: approve or deny with the exact arguments, or fill in a server's form."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from skerry.chat.backend import Event, Reply
from skerry.chat.web import forms
from skerry.chat.web.safe import code_span, plain
from skerry.chat.web.visit import Visit
from skerry.wire.shown import exact


def draw(visit: Visit) -> None:
    """All open questions. An answer is sent when the last one is given."""
    waiting = list(visit.interrupts)
    for interrupt in waiting:
        identifier = str(interrupt.get("id", ""))
        with st.container(border=True, key=f"ask-{identifier}"):
            if identifier in visit.decided:
                st.caption("Answered; it is sent with the others.")
            elif _expired(interrupt):
                st.warning(
                    "This question is too old to be answered. Dismiss it, then ask again.",
                    icon=":material/timer_off:",
                )
                if st.button("Dismiss", key=f"dismiss-{identifier}"):
                    visit.decide(Reply(identifier, approved=False))
                    st.rerun()
            elif isinstance(interrupt.get("responseSchema"), Mapping):
                _form(visit, identifier, interrupt)
            else:
                _approval(visit, identifier, interrupt)


def _approval(visit: Visit, identifier: str, interrupt: Event) -> None:
    st.markdown(":material/front_hand: **The agent asks before it acts**")
    st.markdown(f"Tool {code_span(str(interrupt.get('toolName', '')))} with exactly these arguments:")
    st.code(exact(interrupt.get("arguments", {})), language="json", wrap_lines=True)
    _small_print(interrupt)
    with st.container(horizontal=True):
        approve = st.button("Approve", type="primary", icon=":material/check:", key=f"approve-{identifier}")
        deny = st.button("Deny", icon=":material/close:", key=f"deny-{identifier}")
    if approve or deny:
        visit.decide(Reply(identifier, approved=approve))
        st.rerun()


def _form(visit: Visit, identifier: str, interrupt: Event) -> None:
    described = forms.fields(interrupt["responseSchema"])
    st.markdown(":material/edit_note: **A tool needs your words**")
    st.text(str(interrupt.get("message", "")))
    tool = str(interrupt.get("toolName", ""))
    if tool:
        st.caption(f"Asked by {code_span(tool)}. Never enter a password here.")
    with st.form(f"form-{identifier}", border=False):
        values = {field.name: _widget(field, f"field-{identifier}-{field.name}") for field in described}
        _small_print(interrupt)
        with st.container(horizontal=True):
            send = st.form_submit_button(
                "Send", type="primary", icon=":material/send:", key=f"send-{identifier}"
            )
            decline = st.form_submit_button("Decline", icon=":material/close:", key=f"decline-{identifier}")
    if decline:
        visit.decide(Reply(identifier, approved=False))
        st.rerun()
    if send:
        content, problems = forms.content(described, values)
        if problems:
            labels = {field.name: field.label for field in described}
            text = "  \n".join(f"{plain(labels[name])} {wrong}." for name, wrong in problems.items())
            st.error(text, icon=":material/error:")
        else:
            visit.decide(Reply(identifier, approved=True, content=content))
            st.rerun()


def _widget(field: forms.Field, key: str) -> Any:
    """The widget of a field. Returns its value."""
    label = plain(field.label) + ("" if field.required or field.kind == "boolean" else " (optional)")
    text = plain(field.help) or None
    labels = {option.value: option.label for option in field.options}
    if field.kind == "boolean":
        return st.checkbox(label, value=bool(field.default), help=text, key=key)
    if field.kind == "choice":
        values = list(labels)
        index = values.index(field.default) if field.default in values else None
        return st.selectbox(label, values, index, format_func=labels.__getitem__, help=text, key=key)
    if field.kind == "choices":
        chosen = [value for value in field.default if value in labels]
        return st.multiselect(label, list(labels), chosen, format_func=labels.__getitem__, help=text, key=key)
    if field.kind == "integer":
        return st.number_input(label, value=field.default, step=1, format="%d", help=text, key=key)
    if field.kind == "number":
        return st.number_input(label, value=field.default, step=None, help=text, key=key)
    if field.kind == "date":
        return st.date_input(label, value=field.default, format="YYYY-MM-DD", help=text, key=key)
    return st.text_input(label, value=field.default, max_chars=forms.MAX_TEXT, help=text, key=key)


def _small_print(interrupt: Event) -> None:
    parts = []
    expires = interrupt.get("expires")
    if isinstance(expires, (int, float)) and not isinstance(expires, bool):
        parts.append(f"Answer before {datetime.fromtimestamp(expires).astimezone():%H:%M:%S}")
    if digest := str(interrupt.get("digest", "")):
        parts.append(f"arguments {code_span(digest[:12])}")
    if parts:
        st.caption(" · ".join(parts))


def _expired(interrupt: Event) -> bool:
    expires = interrupt.get("expires")
    return isinstance(expires, (int, float)) and not isinstance(expires, bool) and expires < time.time()
