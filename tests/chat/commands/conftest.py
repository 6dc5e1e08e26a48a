from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from skerry.chat.commands import table
from skerry.chat.doors.open import open_backend
from skerry.chat.main import Chat
from skerry.chat.plain_face import PlainFace
from skerry.chat.target import Wanted
from tests.kit.desk_agent import DeskAgent
from tests.kit.runtime import Runtime


class Typing(io.StringIO):
    """Lines that a person types at a terminal, one for each question."""

    def isatty(self) -> bool:
        return True


@dataclass
class Room:
    """A chat with somebody at its plain face."""

    chat: Chat
    notes: io.StringIO
    out: io.StringIO

    def do(self, line: str) -> str:
        """Does a command and gives what it said about it."""
        before = len(self.notes.getvalue())
        table.run(self.chat, line)
        return self.notes.getvalue()[before:]


Enter = Callable[..., Room]


@pytest.fixture
def enter(tmp_path: Path) -> Iterator[Enter]:
    """Opens a chat with an agent; `typed` are the lines that the person types when asked."""
    with ExitStack() as stack:

        def begin(agent: Runtime, typed: str = "", *, user: str = "ann", url: bool = False) -> Room:
            state = agent.stack(tmp_path / "state", auth="jwt" if agent.token else "iam")
            wanted = Wanted(
                state=state,
                token=agent.token,
                user=user,
                url=agent.url if url and isinstance(agent, DeskAgent) else "",
            )
            notes, out = io.StringIO(), io.StringIO()
            face = PlainFace(source=Typing(typed), out=out, notes=notes)

            def opens(new: Wanted) -> object:
                return open_backend(new, sleep=lambda _: None)

            chat = Chat(opens(wanted), face, wanted=wanted, opens=opens)  # type: ignore[arg-type]
            stack.callback(chat.close)
            return Room(chat, notes, out)

        yield begin
