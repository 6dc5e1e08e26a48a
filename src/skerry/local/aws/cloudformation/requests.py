"""What is known of a request to CloudFormation in moto's process, and the work on a stack that it asks for.

A stack is worked on in a thread of its own. CreateStack and its like answer when that is over, and after
`ANSWER_AFTER` at the latest: then the stack goes on, as it does on AWS, and `wait` tells when it is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skerry.local.aws.cloudformation.acting import Acting

if TYPE_CHECKING:
    from skerry.local.aws.cloudformation.calls import Calls

ANSWER_AFTER = 30.0
"""Seconds, well below the 60 after which boto3 would send a request again."""


@dataclass(slots=True)
class Request:
    """What moto does not pass on of a request: who acts, and what happens when a resource fails.

    `clients` are the calls of services in it, `secrets` what it has read, with the references to it.
    """

    acting: Acting | None
    given: Mapping[str, str] = field(repr=False)
    working: list[str] = field(default_factory=list)
    clients: dict[tuple[str, str], Calls] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def on_failure(self) -> str:
        """OnFailure of CreateStack, or what DisableRollback says."""
        if self.given.get("DisableRollback", "").lower() == "true":
            return "DO_NOTHING"
        return self.given.get("OnFailure") or "ROLLBACK"


request: ContextVar[Request | None] = ContextVar("request", default=None)
"""The request in whose thread this runs."""
_works: dict[str, threading.Thread] = {}
_locks: dict[str, threading.RLock] = {}
_guard = threading.Lock()


def wait(name: str) -> None:
    """Returns when a work is over."""
    with _guard:
        thread = _works.get(name)
    if thread is not None:
        thread.join()
        with _guard:
            _works.pop(name, None)


def work(stack_id: str, job: Callable[[], None], *, patience: float = ANSWER_AFTER) -> None:
    """Does a job on a stack, one at a time, and returns when it is over or has taken `patience` seconds."""

    def alone() -> None:
        with _guard:
            lock = _locks.setdefault(stack_id, threading.RLock())
        with lock:
            job()

    thread = threading.Thread(target=copy_context().run, args=(alone,), daemon=True, name=stack_id)
    thread.start()
    thread.join(patience)
    asked = request.get()
    if thread.is_alive() and asked is not None:
        name = f"{id(thread):x}"
        with _guard:
            _works[name] = thread
        asked.working.append(name)
