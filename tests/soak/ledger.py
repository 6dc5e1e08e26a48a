"""What the stack acknowledged, and what it must therefore still know."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

PRESENT, ABSENT, UNKNOWN = "present", "absent", "unknown"


@dataclass
class Ledger:
    """Notes and resources by name, wrong answers, and how everything ended.

    A write whose answer never came may have happened or not: UNKNOWN is never checked.
    """

    notes: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def mistake(self, text: str) -> None:
        """An answer that no failure excuses."""
        self.wrong.append(text[:1000])

    def lost(self, *, notes: set[str], targets: set[str]) -> list[str]:
        """What was acknowledged and is not as it was acknowledged."""
        found = [f"note {name}" for name, was in self.notes.items() if was == PRESENT and name not in notes]
        for name, was in self.targets.items():
            if was == PRESENT and name not in targets:
                found.append(f"target {name} is gone")
            elif was == ABSENT and name in targets:
                found.append(f"target {name} is back")
        return found
