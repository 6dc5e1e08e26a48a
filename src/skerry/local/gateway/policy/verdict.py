"""What a policy engine says, and what asks it. Without Cedar, which takes its time to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision and the ids of the policies that made it; `unreadable` if Cedar cannot hold the request."""

    allowed: bool
    policies: tuple[str, ...] = ()
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks at which gateway; `principal` is its entity."""

    principal: Mapping[str, Any]
    gateway_arn: str

    @property
    def kind(self) -> str:
        """The type of the principal."""
        return str(self.principal["uid"]["type"])


class Judge(Protocol):
    """The policies of one engine.

    `problem` says why nothing can be decided, `reads_input` whether arguments can alter a decision, `trials`
    whether there are policies that are LOG_ONLY.
    """

    @property
    def problem(self) -> str: ...
    @property
    def reads_input(self) -> bool: ...
    @property
    def trials(self) -> bool: ...

    def listing(self, asker: Asker, tools: Sequence[str]) -> list[Verdict]:
        """For each tool whether some call of it may be allowed; the decision itself unless `reads_input`."""
        ...

    def call(self, asker: Asker, tool: str, context: str, *, trial: bool = False) -> Verdict:
        """The decision about a call; with `trial` as if the policies in LOG_ONLY were active."""
        ...

    def permits(self, asker: Asker, tool: str) -> bool:
        """Whether the scope of a permit takes such a request."""
        ...


@dataclass(frozen=True, slots=True)
class Closed:
    """A Judge that denies everything, for the reason in `problem`."""

    problem: str
    reads_input: bool = False
    trials: bool = False

    def listing(self, asker: Asker, tools: Sequence[str]) -> list[Verdict]:
        """Nothing."""
        del asker
        return [Verdict(allowed=False)] * len(tools)

    def call(self, asker: Asker, tool: str, context: str, *, trial: bool = False) -> Verdict:
        """Denied."""
        del asker, tool, context, trial
        return Verdict(allowed=False)

    def permits(self, asker: Asker, tool: str) -> bool:
        """Nothing."""
        del asker, tool
        return False
