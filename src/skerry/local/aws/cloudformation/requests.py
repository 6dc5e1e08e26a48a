"""Requests to CloudFormation in moto's process: who acts, what moto does itself and what goes another way.

A stack is worked on in a thread of its own. CreateStack and its like answer when that is over, and after
`ANSWER_AFTER` at the latest: then the stack goes on, as it does on AWS, and `wait` tells when it is done.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from skerry.local.aws.cloudformation.acting import HEADER, WORKING_HEADER, Acting, decoded

ANSWER_AFTER = 30.0
"""Seconds, well below the 60 after which boto3 would send a request again."""
ENVIRON = "HTTP_" + HEADER.upper().replace("-", "_")

_SCOPE = re.compile(r"Credential=[^,\s]*/cloudformation/aws4_request", re.IGNORECASE)
_LARGEST = 4 << 20

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(slots=True)
class Request:
    """What moto does not pass on of a request: who acts, and what happens when a resource fails."""

    acting: Acting | None
    given: Mapping[str, str]
    working: list[str] = field(default_factory=list)

    @property
    def on_failure(self) -> str:
        """OnFailure of CreateStack (OnStackFailure of a change set), or what DisableRollback says."""
        if self.given.get("DisableRollback", "").lower() == "true":
            return "DO_NOTHING"
        return self.given.get("OnFailure") or "ROLLBACK"


request: ContextVar[Request | None] = ContextVar("request", default=None)
"""The request in whose thread this runs."""
_works: dict[str, threading.Thread] = {}
_locks: dict[str, threading.RLock] = {}
_guard = threading.Lock()


def serve(environ: Environ, start_response: Any, moto: Wsgi) -> Iterable[bytes]:
    """The answer to a request: moto's own, but for stacks with resources of AgentCore."""
    shown = environ.pop(ENVIRON, "")
    if _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) is None:
        return moto(environ, start_response)
    from skerry.local.aws.cloudformation.installation import install  # late: moto's models take a second

    install()
    found = Request(decoded(shown) if shown else None, _form(environ))

    def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        marks = [(WORKING_HEADER, name) for name in found.working]
        return start_response(status, [*headers, *marks], *more)

    token = request.set(found)
    try:
        return moto(environ, started)
    finally:
        request.reset(token)


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


def _form(environ: Environ) -> Mapping[str, str]:
    """The parameters of a request, whose body stays readable."""
    size = min(int(environ.get("CONTENT_LENGTH") or 0), _LARGEST)
    body = environ["wsgi.input"].read(size)
    environ["wsgi.input"] = io.BytesIO(body)
    query = environ.get("QUERY_STRING", "")
    return dict(parse_qsl(f"{query}&{body.decode('utf-8', 'replace')}"))
