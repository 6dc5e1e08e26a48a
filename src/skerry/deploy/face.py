"""What a person sees and is asked. With `--json` nothing but the result is on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from skerry.deploy.account.records import Change, Event
from skerry.errors import ConfigurationError

_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}
_RED, _GREEN, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"


class Face:
    """A terminal, or a program that reads the result."""

    def __init__(self, *, as_json: bool, color: bool) -> None:
        self._quiet = as_json
        self._color = color and not as_json and sys.stdout.isatty()

    def say(self, *lines: str) -> None:
        """Lines of the result for a person."""
        if not self._quiet:
            for line in lines:
                print(line, flush=True)

    def step(self, line: str) -> None:
        """What is being done now."""
        self.say(line)

    def event(self, event: Event) -> None:
        """One step of CloudFormation, with the reason of a failure."""
        reason = f"  {event.reason}" if event.failed and event.reason else ""
        color = _RED if event.failed else _GREEN if event.status.endswith("_COMPLETE") else ""
        status = f"{color}{event.status}{_PLAIN}" if self._color and color else event.status
        self.say(f"  {status}  {event.name}{reason}")

    def changes(self, changes: Iterable[Change]) -> None:
        """What a change set does."""
        rows = list(changes)
        width = max((len(one.name) for one in rows), default=0)
        for one in rows:
            replaces = "  is replaced" if one.replaces in ("True", "Conditional") else ""
            self.say(f"  {_SIGNS.get(one.action, one.action)} {one.name:<{width}}  {one.kind}{replaces}")
        if not rows:
            self.say("  CloudFormation lists no resource: only parameters or outputs differ.")

    def result(self, found: Mapping[str, Any]) -> None:
        """What a program reads."""
        if self._quiet:
            print(json.dumps(found), flush=True)

    def agreed(self, question: str, *, yes: bool) -> bool:
        """Whether a person agrees. Raises ConfigurationError where nobody can be asked."""
        if yes:
            return True
        self.check_somebody_is_there(question)
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def check_somebody_is_there(self, question: str) -> None:
        """Raises ConfigurationError where nobody can be asked."""
        if self._quiet or not sys.stdin.isatty():
            raise ConfigurationError(
                f"{question} Nobody can be asked here.",
                hint="Agree to it with --yes, or look with --dry-run.",
            )
