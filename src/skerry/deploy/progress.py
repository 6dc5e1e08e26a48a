"""A stack that CloudFormation works on: its events as they come, and how it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from skerry.deploy.account.records import Event, Formation, Stack
from skerry.errors import RemoteError

PAUSE = 2.0
"""Seconds between two looks."""
_FOLLOWS = ("cancelled", "canceled")
"""Words of failures that only follow from another one."""


class Watch:
    """Shows the events of a stack from now on."""

    def __init__(
        self,
        formation: Formation,
        show: Callable[[Event], None],
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._formation = formation
        self._show = show
        self._pause = pause
        self._seen: set[str] = set()
        self._new: list[Event] = []

    def begin(self, stack: str) -> None:
        """What has happened until now is not shown."""
        self._seen = {event.id for event in self._formation.events(stack, ())}
        self._new = []

    def end(self, stack: str) -> Stack | None:
        """The stack when it rests; None when it is deleted."""
        while True:
            found = self._formation.stack(stack)
            self._look(stack)
            if found is None or found.status == "DELETE_COMPLETE":
                return None
            if not found.moving:
                return found
            self._pause(PAUSE)

    def failure(self) -> str:
        """The first failure that was seen and does not follow from another: resource and reason."""
        failed = [event for event in self._new if event.failed]
        own = [one for one in failed if not any(word in one.reason.lower() for word in _FOLLOWS)]
        for event in own or failed:
            return f"{event.name} ({event.kind}): {event.reason or event.status}".rstrip(".")
        return ""

    def _look(self, stack: str) -> None:
        for event in self._formation.events(stack, self._seen):
            self._seen.add(event.id)
            self._new.append(event)
            self._show(event)


@contextmanager
def going_on() -> Iterator[None]:
    """Ctrl-C in the block ends the watching alone, which is said on standard error."""
    try:
        yield
    except KeyboardInterrupt:
        print("\nCloudFormation goes on without you. Look at it: skerry deploy status", file=sys.stderr)
        raise


def failed(name: str, stack: Stack | None, reason: str) -> RemoteError:
    """The error of a stack that did not get where it should."""
    status = stack.status if stack else "DELETE_COMPLETE"
    why = reason or (stack.reason if stack else "") or "CloudFormation gave no reason"
    if stack is not None and stack.status == "DELETE_FAILED":
        hint = "Mend that, and delete it again: skerry deploy down."
    elif stack is None or stack.stuck:
        hint = "Mend that. The stack has to be deleted before the next try: skerry deploy up offers it."
    else:
        hint = "The stack is as it was before. Mend that, and try again: skerry deploy up."
    return RemoteError(f"the stack {name} is {status}: {why.rstrip('.')}.", hint=hint)
