"""Commands about conversations: list, resume, delete, export, begin anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from skerry.chat.backend import Summary
from skerry.chat.known import Known
from skerry.chat.main import Chat
from skerry.chat.replay import as_json, as_markdown, tell
from skerry.errors import ConfigurationError, StateError

PAGE = 20


def new(chat: Chat, _text: str) -> None:
    chat.begin()
    chat.face.note(f"session {chat.talk.id}")


def conversations(chat: Chat, text: str) -> None:
    """A page of the list; its numbers serve /resume and /delete."""
    if text not in ("", "more"):
        chat.face.note("/conversations, or /conversations more for the next page.")
        return
    if text == "more" and not chat.cursor:
        chat.face.note("There are no more.")
        return
    page = chat.talk.backend.conversations(cursor=chat.cursor if text else "", limit=PAGE)
    chat.listed = [*(chat.listed if text else ()), *page.conversations]
    chat.cursor = page.cursor
    first = len(chat.listed) - len(page.conversations)
    chat.face.listing(
        ("number", "title", "changed", "messages", "id"),
        [
            (str(number), _title(chat, item), _when(item.updated), str(item.count), item.id)
            for number, item in enumerate(page.conversations, first + 1)
        ],
    )
    if not chat.listed:
        chat.face.note("There are none yet.")
    elif page.cursor:
        chat.face.note("/conversations more shows the next page.")


def resume(chat: Chat, text: str) -> None:
    """Takes a conversation up: its last messages, its open question, the run under way."""
    kept = chat.talk.backend.conversation(chosen(chat, text))
    chat.begin(kept.summary.id)
    tell(chat.face, kept)
    chat.go_on(kept)


def delete(chat: Chat, text: str) -> None:
    if not text:
        chat.face.note("Which one? /conversations lists them.")
        return
    identifier = _chosen(chat, text)
    title = next((item.title for item in chat.listed if item.id == identifier), "")
    if not chat.face.sure(f"Delete {identifier}{f' ({title})' if title else ''} for good? [y/N] "):
        chat.face.note("Nothing was deleted.")
        return
    chat.talk.backend.delete(identifier)
    chat.known.forget()
    chat.listed = [item for item in chat.listed if item.id != identifier]
    chat.face.note(f"deleted {identifier}")
    if identifier == chat.talk.id:
        new(chat, "")


def export(chat: Chat, text: str) -> None:
    """Writes the conversation to a file that does not exist yet."""
    if not text:
        chat.face.note("Where to? /export FILE.json or /export FILE.md")
        return
    path = Path(text).expanduser()
    if path.exists():
        raise ConfigurationError(f"{path} is there already.", hint="Choose another name.")
    chat.face.note(f"written: {written(chat, path)}")


def written(chat: Chat, path: Path) -> Path:
    """Writes the conversation as its suffix says, for its owner only.

    Raises ConfigurationError for another suffix, StateError when it cannot be written.
    """
    form = {".json": as_json, ".md": as_markdown}.get(path.suffix.lower())
    if form is None:
        raise ConfigurationError(f"{path.name} ends in no known way.", hint="Name it FILE.json or FILE.md.")
    whole = form(chat.talk.backend.conversation(chat.talk.id))
    try:
        path.touch(mode=0o600)
        path.write_text(whole, encoding="utf-8")
    except OSError as error:
        raise StateError(f"{path} cannot be written ({error.strerror}).") from error
    return path.resolve()


def identifiers(known: Known, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Ids to complete with."""
    return [(item.id, item.title) for item in known.conversations()] if len(words) == 1 else []


def chosen(chat: Chat, text: str) -> str:
    """The id that a person means; the newest conversation's for an empty text. Raises SkerryError."""
    return _chosen(chat, text) if text else _newest(chat)


def _newest(chat: Chat) -> str:
    page = chat.talk.backend.conversations(limit=1).conversations
    if not page:
        raise ConfigurationError("there is no conversation to resume.", hint="Ask something first.")
    return page[0].id


def _chosen(chat: Chat, text: str) -> str:
    """An id, the beginning of one that was listed, or a number of the list."""
    if text.isdecimal() and len(text) < 6:
        if not 1 <= int(text) <= len(chat.listed):
            raise ConfigurationError(f"there is no number {text}.", hint="/conversations lists them.")
        return chat.listed[int(text) - 1].id
    found = [item.id for item in chat.listed if item.id.startswith(text)]
    return found[0] if len(found) == 1 else text


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _title(chat: Chat, item: Summary) -> str:
    return f"{item.title or '(no title)'}{' (this one)' if item.id == chat.talk.id else ''}"
