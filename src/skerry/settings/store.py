"""The conversation store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from skerry.errors import ConfigurationError
from skerry.settings.values import DEFAULT_STATE

DEFAULT_DAYS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreSettings:
    """Where conversations are kept (`store.open` knows the forms of `url`), and for how many days.

    Without SKERRY_STORE that is a file below the home directory of whoever asks.
    """

    url: str
    days: float = DEFAULT_DAYS

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> StoreSettings:
        """Settings from SKERRY_STORE and SKERRY_CONVERSATION_DAYS. Raises ConfigurationError."""
        home = env.get("HOME") or env.get("USERPROFILE") or "."
        default = "sqlite:///" + quote(Path(home, DEFAULT_STATE, "conversations.db").as_posix())
        said = env.get("SKERRY_CONVERSATION_DAYS") or str(DEFAULT_DAYS)
        try:
            days = float(said)
        except ValueError:
            days = 0.0
        if not 0 < days <= 3650:
            raise ConfigurationError(
                f"SKERRY_CONVERSATION_DAYS is '{said[:40]}', not a number of days.",
                hint="More than 0 and at most 3650; without it 30.",
            )
        return cls(url=env.get("SKERRY_STORE") or default, days=days)

    @property
    def lifetime(self) -> float:
        """The days in seconds."""
        return self.days * 86400
