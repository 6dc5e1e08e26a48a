"""What the functions plane tells CloudWatch, in lists."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from skerry.local.ports.monitoring import Invoked, LogStream


class KeptMonitor:
    """Implements `ports.Monitor` and its `LogStream` in lists; `open` are answers whose log has not ended."""

    def __init__(self) -> None:
        self.place = ("", "", "")
        self.lines: list[str] = []
        self.open = 0
        self.runs: list[tuple[Invoked, float, float, bool]] = []
        self.refused: list[Invoked] = []

    def stream(self, region: str, group: str, name: str) -> LogStream:
        self.place = (region, group, name)
        return self

    def add(self, text: str) -> None:
        self.lines.append(text)

    def expect(self) -> None:
        self.open += 1

    def complete(self) -> None:
        self.open -= 1

    def executing(self, invoked: Invoked) -> AbstractContextManager[None]:
        return nullcontext()

    def ran(self, invoked: Invoked, started: float, milliseconds: float, *, failed: bool) -> None:
        self.runs.append((invoked, started, milliseconds, failed))

    def throttled(self, invoked: Invoked) -> None:
        self.refused.append(invoked)
