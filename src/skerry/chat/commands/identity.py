"""Commands about who one is: never with a secret."""

from __future__ import annotations

from datetime import datetime

from skerry.chat.main import Chat
from skerry.chat.proofs import Shown


def auth(chat: Chat, text: str) -> None:
    """How one is signed in; `in` does it anew, `out` forgets what is kept."""
    proof = chat.proof
    if text == "in":
        proof.sign_in()
    elif text == "out":
        proof.sign_out()
        chat.face.note("Signed out; the next question signs in again.")
        return
    elif text:
        chat.face.note("/auth, /auth in or /auth out.")
        return
    chat.face.note(described(proof.shown()))


def whoami(chat: Chat, _text: str) -> None:
    """Who the agent sees, as far as that can be found out."""
    lines = [f"agent    {chat.talk.backend.name}", f"session  {chat.talk.id}"]
    if chat.user:
        lines.append(f"user     {chat.user} (as said by this chat)")
    lines.append(f"caller   {chat.proof.caller() or 'not known before a question was asked'}")
    lines.append(f"by       {described(chat.proof.shown())}")
    chat.face.note("\n".join(lines))


def session(chat: Chat, _text: str) -> None:
    chat.face.note(f"session {chat.talk.id} of {chat.talk.backend.name}")


def described(shown: Shown) -> str:
    """A proof in one line: kind, source, identity, end."""
    parts = [shown.kind]
    if shown.source:
        parts.append(f"from {shown.source}")
    if shown.identity:
        parts.append(shown.identity)
    if shown.expires is not None:
        ends = datetime.fromtimestamp(shown.expires).astimezone()
        parts.append(f"until {ends.strftime('%Y-%m-%d %H:%M:%S %Z')}")
    return " · ".join(parts)
