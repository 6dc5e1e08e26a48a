"""Draws answers: text, thinking, tool calls with their tables and pictures, usage and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import streamlit as st

from skerry.chat.doors.connection import RefusedError
from skerry.chat.usage import usage_line
from skerry.chat.web import results
from skerry.chat.web.safe import code_span, markdown, plain
from skerry.chat.web.transcript import Answer, Call, Entry, Failure, Question, Text, Thinking
from skerry.errors import SkerryError
from skerry.wire.shown import exact

MAX_RAW = 400
_MARKS = {"running": ":material/sync:", "done": ":material/check_circle:", "error": ":material/error:"}
_STATES = {
    "running": "running",
    "error": "failed",
    "waiting": "waits for you",
    "unknown": "not finished",
}
_FAILURES = {
    "CANCELLED": ":material/stop_circle: Stopped.",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """Which parts of the events are drawn. They are view filters: what is kept stays the same."""

    auto_format: bool = True
    show_raw: bool = False
    show_tools: bool = True
    show_thinking: bool = True

    def preferences(self) -> Mapping[str, bool]:
        """As the client context tells them."""
        return {
            "auto_format": self.auto_format,
            "show_raw": self.show_raw,
            "show_tools": self.show_tools,
            "show_thinking": self.show_thinking,
        }


def turns(entries: Sequence[Entry]) -> list[Question | list[Answer]]:
    """Entries as messages: answers that follow each other are one."""
    result: list[Question | list[Answer]] = []
    for kind, group in groupby(entries, key=type):
        if kind is Question:
            result += [entry for entry in group if isinstance(entry, Question)]
        else:
            result.append([entry for entry in group if isinstance(entry, Answer)])
    return result


def question(asked: Question, number: int) -> None:
    """A person's question, letter by letter."""
    with st.container(key=f"question-{number}"), st.chat_message("user", avatar=":material/person:"):
        st.text(asked.text)


def answers(parts: Sequence[Answer], shown: Shown, number: int) -> None:
    """One or several answers that belong together."""
    for index, answer in enumerate(parts):
        for position, block in enumerate(answer.blocks):
            _block(block, shown, f"{number}-{index}-{position}")
        line = usage_line(answer.usage, _seconds(answer))
        if line:
            st.caption(plain(line))
        if shown.show_raw and answer.raw:
            _raw(answer)


def _seconds(answer: Answer) -> float:
    latency = answer.usage.get("latencyMs")
    return latency / 1000 if isinstance(latency, (int, float)) else 0.0


def _block(block: Text | Thinking | Call | Failure, shown: Shown, key: str) -> None:
    if isinstance(block, Text):
        if block.text.strip():
            if shown.auto_format:
                st.markdown(markdown(block.text), anchors=False)
            else:
                st.text(block.text.strip("\n"))
    elif isinstance(block, Thinking):
        if shown.show_thinking and block.text.strip():
            with st.expander("Thinking", icon=":material/psychology:"):
                st.text(block.text.strip())
    elif isinstance(block, Call):
        call(block, shown, key)
    else:
        failure(block)


def call(block: Call, shown: Shown, key: str) -> None:
    """A tool call: folded, with arguments and result; its pictures and tables stand below and open."""
    parts = list(results.parts(block.content, formatted=shown.auto_format))
    if shown.show_tools and block.name:
        with st.expander(_label(block, parts), icon=_MARKS.get(block.status, ":material/pending:")):
            st.caption("Arguments")
            st.code(_arguments(block.arguments), language="json", wrap_lines=True)
            words = [part for part in parts if isinstance(part, results.Words)]
            if words:
                st.caption("Result")
            for each in words:
                _words(each)
    for position, part in enumerate(parts):
        if isinstance(part, results.Picture):
            st.image(part.data)
        elif isinstance(part, results.Table) and shown.show_tools:
            _table(part, f"table-{key}-{position}")


def _label(block: Call, parts: Sequence[results.Part]) -> str:
    label = [f"**{plain(block.name)}**"]
    if block.seconds is not None:
        label.append(f"{block.seconds:.1f} s" if block.seconds >= 0.1 else "< 0.1 s")
    if block.status in _STATES:
        label.append(_STATES[block.status])
    label += [plain(part.caption.partition(" · ")[0]) for part in parts if isinstance(part, results.Table)]
    return " · ".join(label)


def _arguments(text: str) -> str:
    try:
        return exact(json.loads(text)) if text else "{}"
    except (ValueError, RecursionError):
        return exact(text)


def _words(part: results.Words) -> None:
    if part.code:
        st.code(part.text, language="json", wrap_lines=True, height=_height(part.text))
    else:
        st.code(part.text, language=None, wrap_lines=True, height=_height(part.text))


def _height(text: str) -> int | Literal["content"]:
    """Long results scroll in their box."""
    return 360 if text.count("\n") > 16 or len(text) > 2000 else "content"


def _table(table: results.Table, key: str) -> None:
    columns = {name: [row[index] for row in table.rows] for index, name in enumerate(table.columns)}
    st.dataframe(columns, hide_index=True, width="stretch", key=key)
    st.caption(plain(table.caption))


def _raw(answer: Answer) -> None:
    left = len(answer.raw) - MAX_RAW
    lines = [exact(event, indent=None) for event in answer.raw[:MAX_RAW]]
    with st.expander(f"Raw events · {len(answer.raw)}", icon=":material/data_object:"):
        st.code("\n".join(lines), language="json", wrap_lines=True, height=360)
        if left > 0:
            st.caption(f"{left} more events are not drawn; the download holds the conversation.")


def failure(block: Failure) -> None:
    """Why a run ended early."""
    if block.code in _FAILURES:
        st.caption(_FAILURES[block.code])
    elif block.code != "PENDING_INTERRUPTS":
        box(block.code, block.message, "Ask again, or begin a new conversation.")


def problem(error: SkerryError, hint: str = "") -> None:
    """What went wrong between this page and the agent; `hint` is a better next move than the error's own."""
    if isinstance(error, RefusedError):
        box(error.kind, error.said, hint or error.hint)
    else:
        box(error.code, error.message, hint or error.hint)


def box(code: str, message: str, hint: str) -> None:
    """An error: what happened, its code, what to do next."""
    lines = [f"**{plain(message) or 'Something went wrong.'}**"]
    if hint:
        lines.append(plain(hint))
    lines.append(f":small[{code_span(code)}]")
    st.error("\n\n".join(lines), icon=":material/error:")
