"""Commands about what is shown, and what is sent along."""

from __future__ import annotations

import json
from typing import Any

from skerry.chat.main import Chat
from skerry.wire.context import ClientContext
from skerry.wire.shown import exact


def raw(chat: Chat, text: str) -> None:
    """Results whole or folded; switching it on unfolds those of the last answer too."""
    shown = chat.face.shown
    if text.isdecimal() and len(text) < 6:
        if not int(text) or not chat.face.unfold(int(text)):
            chat.face.note(f"The last answer has no result {text}.")
        return
    if text == "events":
        shown.events = not shown.events
        chat.face.note(f"events {'shown' if shown.events else 'hidden'}")
        return
    if text not in ("", "on", "off"):
        chat.face.note("/raw, /raw on, /raw off, /raw NUMBER or /raw events.")
        return
    shown.raw = text == "on" or (text == "" and not shown.raw)
    if not shown.raw:
        shown.events = False
    chat.face.note(f"results {'whole' if shown.raw else 'folded'}")
    number = 1
    while shown.raw and chat.face.unfold(number):
        number += 1


def thinking(chat: Chat, text: str) -> None:
    if text not in ("", "on", "off"):
        chat.face.note("/thinking, /thinking on or /thinking off.")
        return
    chat.face.shown.thinking = text == "on" or (text == "" and not chat.face.shown.thinking)
    chat.face.note(f"thinking {'shown' if chat.face.shown.thinking else 'hidden'}")


def context(chat: Chat, text: str) -> None:
    """What goes with every question; preferences are set here."""
    word, _, rest = text.partition(" ")
    name, _, value = rest.strip().partition(" ")
    if word == "set" and name and value.strip():
        _set(chat, name, value.strip())
    elif word == "unset" and name:
        if chat.talk.preferences.pop(name, None) is None:
            chat.face.note(f"There is no preference {name}.")
            return
    elif word:
        chat.face.note("/context, /context set NAME VALUE or /context unset NAME.")
        return
    talk = chat.talk
    chat.face.note(
        exact(
            {
                "session_id": talk.id,
                "region": talk.backend.region,
                "agent_name": talk.backend.name,
                "user_preferences": talk.preferences,
            }
        )
    )


def _set(chat: Chat, name: str, text: str) -> None:
    """A preference; its value is JSON where it can be. Raises ProtocolError when it cannot be sent."""
    value: Any = text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    wanted = {**chat.talk.preferences, name: value}
    ClientContext(session_id=chat.talk.id, user_preferences=wanted)
    chat.talk.preferences = wanted
