"""One call of the data plane: what is known of it so far, its answer, its hop."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from skerry.errors import ServiceError
from skerry.local.http.body import Body
from skerry.local.ports.asgi import Scope, Send
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Notes
from skerry.local.ports.running import Clock, Recorder
from skerry.local.runtime import envelopes
from skerry.local.runtime.envelopes import Answer, Pair
from skerry.local.runtime.inbound import presented
from skerry.local.runtime.record import Runtime
from skerry.local.runtime.request import Request, allowed_methods, route
from skerry.local.runtime.sessions.session import Session
from skerry.wire import trace
from skerry.wire.headers import MCP_SESSION_ID, REQUEST_ID, RUNTIME_SESSION_ID
from skerry.wire.hop import Hop

_AUTH = {"signature": "sigv4", "token": "jwt", "": "none"}
CLIENT_GONE = 499


class Call:
    """A request on its way. `answered` tells whether a response has begun; then no error can be sent."""

    def __init__(self, scope: Scope, send: Send, body: Body, *, clock: Clock, recorder: Recorder) -> None:
        self.id = str(uuid.uuid4())
        self.scope = scope
        self.body = body
        self.request: Request | None = None
        self.runtime: Runtime | None = None
        self.caller: Caller | None = None
        self.session_id = ""
        self.workload_token = ""
        self.return_url = ""
        self.status = 0
        self.answered = False
        self.detail: dict[str, str] = {}
        self.iam: Notes = []
        self._send = send
        self._recorder = recorder
        self._finished = False
        self._leave: Callable[[], None] | None = None
        self._wall = clock.time()
        self._started = time.perf_counter()

    def enter(self, session: Session, *, cold: bool, leave: Callable[[], None]) -> None:
        """The call reached a session; `leave` is called once when it is over."""
        self.session_id = session.id
        self._leave = leave
        self.detail["start"] = "cold" if cold else "warm"

    async def begin(self, status: int, headers: list[Pair]) -> None:
        """Sends status and headers, with those that every answer has."""
        self.status = status
        self.answered = True
        own = [(REQUEST_ID.lower().encode(), self.id.encode())]
        if self.session_id:
            own.append((RUNTIME_SESSION_ID.lower().encode(), self.session_id.encode("latin-1")))
        await self._send({"type": "http.response.start", "status": status, "headers": headers + own})

    async def write(self, data: bytes, *, more: bool) -> None:
        """Sends a piece of the body; `more` tells whether others follow.

        The call is finished before the last one, so that who has read the answer finds it so.
        """
        if not more:
            self.finish()
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(self, answer: Answer) -> None:
        """Sends a whole response."""
        length = (b"content-length", str(len(answer.body)).encode())
        await self.begin(answer.status, [*answer.headers, length])
        await self.write(answer.body, more=False)

    async def fail(self, problem: ServiceError) -> None:
        """Sends an error in the envelope of the runtime's protocol."""
        self.detail["error"] = problem.name
        protocol = self.runtime.protocol.name if self.runtime is not None else "HTTP"
        operation = self.request.operation if self.request is not None else ""
        if operation == "InvokeAgentRuntime":
            answer = envelopes.error(protocol, problem, raw_id=self.body.rpc_id())
        else:
            answer = envelopes.plain(problem)
        if problem.status == 405:
            allow = allowed_methods(route(self.scope["raw_path"])[1])
            answer = Answer(answer.status, answer.body, (*answer.headers, (b"allow", allow.encode())))
        elif problem.status == 426:
            answer = Answer(answer.status, answer.body, (*answer.headers, (b"upgrade", b"websocket")))
        if protocol == "MCP" and self.session_id:
            session = (MCP_SESSION_ID.lower().encode(), self.session_id.encode("latin-1"))
            answer = Answer(answer.status, answer.body, (*answer.headers, session))
        await self.answer(answer)

    def finish(self) -> None:
        """Leaves the session and hands the hop to the recorder, once."""
        if self._finished:
            return
        self._finished = True
        if self._leave is not None:
            self._leave()
        runtime = self.runtime
        if runtime is not None:
            self.detail |= {
                "protocol": runtime.protocol.name,
                "version": runtime.version,
                "qualifier": runtime.qualifier,
            }
        self._recorder.record(
            Hop(
                part="runtime",
                operation=self.request.operation if self.request is not None else "unknown",
                identity=self.caller.name if self.caller is not None else "anonymous",
                auth=_AUTH[presented(self.scope)] if self.caller is not None else "none",
                status=self.status,
                started=self._wall,
                duration_ms=(time.perf_counter() - self._started) * 1000,
                session=self.session_id,
                target=runtime.name if runtime is not None else "",
                detail=self.detail,
                iam=self.iam,
                resource=runtime.arn if runtime is not None else "",
                request=self.id,
                **trace.members(),
            )
        )
