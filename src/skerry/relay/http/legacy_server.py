"""An MCP server up to 2025-11-25 behind a URL: its session, its stream, and what happens when it is lost.

Source: MCP 2025-11-25, transports (Streamable HTTP: sessions, listening, resumability). The session id is
the server's and never made up. A lost session is opened again once per loss, with the client's own
`initialize`; what is repeated in it did not run, or only reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from skerry.errors import ProtocolError, SkerryError
from skerry.relay.http import HttpError, Pair
from skerry.relay.http.endpoint import EndedError, Endpoint, RefusedError, Said, ended
from skerry.relay.http.recovery import REPEATABLE, Loss, loss
from skerry.relay.ports import Emit, RelayError, nowhere
from skerry.wire import jsonrpc, sse
from skerry.wire.eras import Era
from skerry.wire.headers import MCP_PROTOCOL_VERSION, MCP_SESSION_ID
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

_INITIALIZED = "notifications/initialized"
_LISTS = ("tools", "prompts", "resources")
_STANDING = frozenset({"logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
_MAX_STANDING = 1000
_GOODBYE = 2.0
_LONGEST = 30.0


@dataclass(frozen=True, slots=True)
class Session:
    """What `initialize` agreed on. `id` is empty where the server keeps no sessions."""

    id: str = ""
    version: str = ""
    capabilities: tuple[str, ...] = ()

    def headers(self) -> tuple[Pair, ...]:
        """The headers of every request of this session."""
        version = ((MCP_PROTOCOL_VERSION, self.version),) if self.version else ()
        return (*version, (MCP_SESSION_ID, self.id)) if self.id else version


class LegacyHttp:
    """A `Server` of the legacy era at an endpoint, for one client.

    `stream` tells whether to open the GET stream for what belongs to no call; AgentCore Runtime has none.
    """

    era: Era = "legacy"

    def __init__(self, endpoint: Endpoint, *, stream: bool = True) -> None:
        self._endpoint = endpoint
        self._stream = stream
        self._session = Session()
        self._hello: Envelope | None = None
        self._opening: asyncio.Future[None] | None = None
        self._repairing = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None
        self._deliver: Emit = nowhere
        self._asking: set[str | int | None] = set()
        self._cancelled: set[str | int | None] = set()
        self._standing: dict[str, Envelope] = {}
        self._ids = itertools.count(1)

    def listen(self, deliver: Emit) -> None:
        self._deliver = deliver

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        if request.method == "initialize":
            await self._stop_listening()  # a host may start over in the same process
            self._hello = request
            hello, self._session = await self._initialize(request, emit)
            return hello
        if self._opening is not None:
            await asyncio.shield(self._opening)
        self._asking.add(request.id)
        try:
            return await self._recovered(request, emit)
        finally:
            self._asking.discard(request.id)
            self._cancelled.discard(request.id)

    async def _recovered(self, request: Envelope, emit: Emit) -> Envelope:
        """The response, if need be in a session that was opened again for it."""
        session = self._session
        try:
            answer, what = await self._ask(request, session, emit)
        except RelayError as problem:
            if problem.reason != "closed" or request.method not in REPEATABLE:
                raise
            answer, what = await self._ask(request, session, emit)
        if what is None or self._hello is None:
            return self._settled(answer, request)
        if what == "perhaps" and not await self._confirmed(session):
            return self._settled(answer, request)
        await self._repair(session)
        if request.id in self._cancelled:
            raise RelayError("cancelled", "The request was cancelled before it ran.")
        answer, what = await self._ask(request, self._session, emit)
        if what == "gone":
            raise RelayError(
                "lost",
                "The server forgot the session again, right after it was opened anew.",
                hint="Behind a load balancer without session affinity run the server stateless.",
            )
        return self._settled(answer, request)

    def _keep(self, request: Envelope) -> None:
        """Remembers what a session was told once and for all, to tell it to the next one."""
        uri = request.params.get("uri")
        if request.method == "logging/setLevel":
            self._standing["logging"] = request
        elif request.method == "resources/subscribe" and isinstance(uri, str):
            if len(self._standing) < _MAX_STANDING:
                self._standing[f"resource {uri}"] = request
        elif request.method == "resources/unsubscribe" and isinstance(uri, str):
            self._standing.pop(f"resource {uri}", None)

    async def notify(self, notification: Envelope) -> None:
        if notification.method == _INITIALIZED and self._opening is None:
            self._opening = asyncio.get_running_loop().create_future()
            try:
                await self._post(notification.body, self._session)
            finally:
                opening, self._opening = self._opening, None
                opening.set_result(None)
            self._start_listening()
        else:
            if notification.method == "notifications/cancelled":
                self._cancel(notification.params.get("requestId"))
            await self._post(notification.body, self._session)

    async def respond(self, response: Envelope) -> None:
        await self._post(response.body, self._session)

    def _cancel(self, identifier: object) -> None:
        if isinstance(identifier, (str, int)) and identifier in self._asking:
            self._cancelled.add(identifier)

    async def close(self) -> None:
        await self._stop_listening()
        if self._session.id and self._stream:
            with contextlib.suppress(RefusedError, SkerryError, TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._endpoint.delete(self._session.headers())
        self._session = Session()

    # ── a call ──────────────────────────────────────────────────────────────────────────────────

    async def _ask(
        self, request: Envelope, session: Session, emit: Emit
    ) -> tuple[Envelope | RefusedError, Loss | None]:
        """The response or refusal, and whether it says that the session is lost."""
        said = Said(emit)
        try:
            answer, _ = await self._endpoint.ask(
                request, session.headers(), said, wanted=lambda: request.id not in self._cancelled
            )
        except RefusedError as refusal:
            return refusal, loss(refusal.status, refusal.answer, had_session=bool(session.id))
        except EndedError as end:
            answer = await self._resumed(request, session, said, end)
        if answer.error is None or said.anything:
            return answer, None
        return answer, loss(200, answer, had_session=bool(session.id))

    def _settled(self, answer: Envelope | RefusedError, request: Envelope) -> Envelope:
        if isinstance(answer, RefusedError):
            return self._endpoint.outcome(answer, request)
        if answer.error is None and request.method in _STANDING:
            self._keep(request)
        return answer

    async def _resumed(self, request: Envelope, session: Session, emit: Emit, end: EndedError) -> Envelope:
        """Goes on with a stream that the server closed on purpose, from its last event (SSE polling)."""
        while end.last_id:
            await asyncio.sleep(min(end.retry, _LONGEST))
            try:
                reply = await self._endpoint.get((*session.headers(), ("Last-Event-ID", end.last_id)))
                return await self._endpoint.read(reply, request, emit)
            except RefusedError:
                break
            except EndedError as again:
                end = EndedError(again.last_id or end.last_id, again.retry)
        raise ended(request.method)

    async def _post(self, body: bytes, session: Session) -> None:
        """Sends what has no answer. What a server says against it matters to nobody but the log."""
        try:
            reply = await self._endpoint.post(body, session.headers())
        except RefusedError as refusal:
            log.info("the server refused a notification or answer (HTTP %d)", refusal.status)
            return
        reply.leave()

    # ── the session ─────────────────────────────────────────────────────────────────────────────

    async def _initialize(self, request: Envelope, emit: Emit) -> tuple[Envelope, Session]:
        try:
            answer, reply = await self._endpoint.ask(request, (), Said(emit))
        except RefusedError as refusal:
            return self._endpoint.outcome(refusal, request), Session()
        except EndedError as end:
            raise ended(request.method) from end
        result: Any = answer.result if isinstance(answer.result, dict) else {}
        version, capabilities = result.get("protocolVersion"), result.get("capabilities")
        known = capabilities if isinstance(capabilities, dict) else {}
        changing = tuple(
            kind
            for kind in _LISTS
            if isinstance(known.get(kind), dict) and known[kind].get("listChanged") is True
        )
        return answer, Session(
            reply.header(MCP_SESSION_ID.lower()), version if isinstance(version, str) else "", changing
        )

    async def _confirmed(self, session: Session) -> bool:
        """Whether `tools/list` fails in the same way, which no tool can be to blame for."""
        probe = jsonrpc.parse(jsonrpc.request(self._own_id(), "tools/list"))
        answer, what = await self._ask(probe, session, nowhere)
        return what is not None and (isinstance(answer, RefusedError) or answer.error is not None)

    async def _repair(self, lost: Session) -> None:
        """Opens the session again, once for all that noticed. Raises RelayError (`lost`)."""
        async with self._repairing:
            if self._session is not lost or self._hello is None:
                return
            await self._stop_listening()
            hello = jsonrpc.parse(self._hello.with_id(self._own_id()))
            answer, session = await self._initialize(hello, nowhere)
            if answer.error is not None or session.version != lost.version:
                raise RelayError(
                    "lost",
                    "The server lost the session and does not open it again as it was.",
                    hint="Reconnect the server in the host.",
                    data={"cause": answer.error} if answer.error is not None else None,
                )
            self._session = session
            await self._post(jsonrpc.notification(_INITIALIZED), session)
            self._start_listening()
            for standing in list(self._standing.values()):
                with contextlib.suppress(SkerryError):
                    await self._ask(jsonrpc.parse(standing.with_id(self._own_id())), session, nowhere)
        log.warning("the server had lost the session; it was initialized again")
        await self._tell(lost)

    async def _tell(self, lost: Session) -> None:
        """Tells the host what happened, and that what it knows of the server's lists may be old."""
        params = {
            "level": "warning",
            "logger": "skerry.proxy",
            "data": "The server had lost the session; it was opened again. State it kept for you is gone.",
        }
        bodies = [jsonrpc.notification("notifications/message", params)]
        bodies += [jsonrpc.notification(f"notifications/{kind}/list_changed") for kind in lost.capabilities]
        for body in bodies:
            await self._deliver(jsonrpc.parse(body))

    def _own_id(self) -> str:
        return f"skerry-{next(self._ids)}"

    # ── what belongs to no call ─────────────────────────────────────────────────────────────────

    def _start_listening(self) -> None:
        if self._stream and self._listening is None and self._session.version:
            self._listening = asyncio.get_running_loop().create_task(self._listened(self._session))

    async def _stop_listening(self) -> None:
        task, self._listening = self._listening, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listened(self, session: Session) -> None:
        """Keeps the GET stream open as long as the server offers one."""
        pauses = _growing()
        last: sse.Event | None = None

        def seen(event: sse.Event) -> None:
            nonlocal last
            last = event

        while True:
            resume = (("Last-Event-ID", last.id),) if last is not None and last.id else ()
            try:
                reply = await self._endpoint.get((*session.headers(), *resume))
                if not reply.header("content-type").lower().startswith("text/event-stream"):
                    reply.close()
                    return
                pauses = _growing()
                await self._endpoint.messages(reply, seen, self._deliver)
            except RefusedError:
                return
            except (HttpError, SkerryError) as problem:
                if isinstance(problem, ProtocolError):
                    log.info("the server's stream holds something else than MCP: %s", problem.message)
                    return
            await asyncio.sleep(next(pauses))


def _growing() -> Iterator[float]:
    pause = 1.0
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST)
