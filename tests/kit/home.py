"""A person's machine, on which programs sign in at a kit's `Authorization`.

home = Home(tmp_path / "kept")
await home.program(server.mcp).sign_in()
home.visitor.pages, home.said
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skerry.auth.login.discovered_tokens import DiscoveredTokens
from skerry.auth.login.kept import Kept
from skerry.auth.login.token_cache import FileCache
from skerry.auth.ports import Surroundings
from skerry.settings import SignInSettings
from tests.kit.authorization import Visitor
from tests.kit.clock import FakeClock


class Home:
    """A person's machine: a folder, a browser, a clock; programs on it share what is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = Kept(folder, FileCache(folder))
        self.visitor = Visitor()
        self.clock = FakeClock()
        self.said: list[str] = []
        self.timeout = 10.0
        self.questions: list[str] = []
        self.agrees: bool | None = None

    def program(self, url: str, *, person: bool = True, **configured: Any) -> DiscoveredTokens:
        around = Surroundings(
            self.visitor.open if person else None,
            self.said.append,
            device=configured.pop("device", False),
            agree=self.agree,
        )
        return DiscoveredTokens(
            url,
            SignInSettings(**configured),
            self.kept,
            surroundings=around,
            clock=self.clock,
            timeout=self.timeout,
            pause=self.pause,
        )

    def agree(self, question: str) -> bool | None:
        self.questions.append(question)
        return self.agrees

    async def pause(self, seconds: float) -> None:
        self.clock.advance(seconds)
