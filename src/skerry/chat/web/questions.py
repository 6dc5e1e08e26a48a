"""The agent's open questions: approve or deny with the exact arguments, a server's form, or its page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import streamlit as st

from skerry.chat import form
from skerry.chat.backend import Event, Reply
from skerry.chat.web import forms
from skerry.chat.web.safe import code_span, plain
from skerry.chat.web.visit import Visit
from skerry.wire.links import link
from skerry.wire.shown import clean, exact

_EXACT = 2**53
"""Beyond it a browser cannot tell neighbouring integers apart."""
_FIRST, _LAST = date(1900, 1, 1), date(2199, 12, 31)


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
            elif interrupt.get("mode") == "url":
                _page(visit, identifier, interrupt)
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


def _page(visit: Visit, identifier: str, interrupt: Event) -> None:
    found = link(str(interrupt.get("url", "")))
    st.markdown(":material/open_in_new: **A tool needs you to open a page**")
    st.text(clean(str(interrupt.get("message", ""))))
    st.code("\n".join(found.lines()), language=None, wrap_lines=True)
    tool = str(interrupt.get("toolName", ""))
    st.caption(f"Asked by {code_span(tool)}. The page is opened by you alone; nothing here looks at it.")
    _small_print(interrupt)
    with st.container(horizontal=True):
        done = False
        if not found.problem:
            st.link_button(f"Open {plain(found.host)}", found.url, icon=":material/open_in_new:")
            done = st.button(
                "I am done there", type="primary", icon=":material/check:", key=f"done-{identifier}"
            )
        decline = st.button("Decline", icon=":material/close:", key=f"decline-{identifier}")
    if done or decline:
        visit.decide(Reply(identifier, approved=done))
        st.rerun()


def _form(visit: Visit, identifier: str, interrupt: Event) -> None:
    described = form.fields(interrupt["responseSchema"])
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
            labels = {field.name: field.title or field.name for field in described}
            text = "  \n".join(f"{plain(labels[name])}: {plain(why)}" for name, why in problems.items())
            st.error(text, icon=":material/error:")
        else:
            visit.decide(Reply(identifier, approved=True, content=content))
            st.rerun()


def _widget(field: form.Field, key: str) -> Any:
    """The widget of a field. Returns its value."""
    label = plain(field.title or field.name)
    label += "" if field.required or field.kind == "boolean" else " (optional)"
    text, default = plain(field.description) or None, field.default
    labels = {value: clean(shown) for value, shown in field.choices}
    if field.kind == "boolean":
        return st.checkbox(label, value=default is True, help=text, key=key)
    if field.kind == "one":
        values = list(labels)
        index = values.index(str(default)) if default in values else None
        return st.selectbox(label, values, index, format_func=labels.__getitem__, help=text, key=key)
    if field.kind == "some":
        chosen = [each for each in default if each in labels] if isinstance(default, list) else []
        return st.multiselect(label, list(labels), chosen, format_func=labels.__getitem__, help=text, key=key)
    if field.kind == "integer":
        whole = default if isinstance(default, int) and abs(default) < _EXACT else None
        return st.number_input(label, value=whole, step=1, format="%d", help=text, key=key)
    if field.kind == "number":
        number = float(default) if isinstance(default, (int, float)) and abs(default) < _EXACT else None
        return st.number_input(label, value=number, step=None, help=text, key=key)
    if field.format == "date":
        day = date.fromisoformat(default) if isinstance(default, str) else None
        if day is not None and not _FIRST <= day <= _LAST:
            day = None
        return st.date_input(label, day, _FIRST, _LAST, format="YYYY-MM-DD", help=text, key=key)
    return st.text_input(label, form.shown(default), max_chars=form.MAX_TEXT, help=text, key=key)


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
