"""What a chat knows for completion: conversations, tools, agents. Asked for late, and kept for a while."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from skerry.chat.agents import Agent
from skerry.chat.backend import Backend, Summary, Tool
from skerry.errors import SkerryError

T = TypeVar("T")
FRESH = 30.0
"""Seconds for which a list is good enough to complete from."""


class Known:
    """Lists for one agent. What cannot be had is empty here; the commands say why."""

    def __init__(
        self,
        backend: Backend,
        agents: Callable[[], Sequence[Agent]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._agents = agents
        self._clock = clock
        self._kept: dict[str, tuple[float, Sequence[object]]] = {}

    def conversations(self) -> Sequence[Summary]:
        """The newest conversations."""
        return self._list("conversations", lambda: self._backend.conversations(limit=50).conversations)

    def tools(self) -> Sequence[Tool]:
        """The agent's tools."""
        return self._list("tools", self._backend.tools)

    def agents(self) -> Sequence[Agent]:
        """The agents that there are beside this one."""
        return self._list("agents", self._agents)

    def forget(self) -> None:
        """Makes the next look a fresh one."""
        self._kept.clear()

    def _list(self, name: str, ask: Callable[[], Sequence[T]]) -> Sequence[T]:
        kept = self._kept.get(name)
        if kept is not None and self._clock() - kept[0] < FRESH:
            return kept[1]  # type: ignore[return-value]  # kept under the name of its own kind
        found: Sequence[T] = ()
        with contextlib.suppress(SkerryError):
            found = ask()
        self._kept[name] = (self._clock(), found)
        return found
