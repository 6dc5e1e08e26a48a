"""A stand-in for skerry's agent: both of its doors on a real socket, with scripted answers.

It speaks the wire of the operations desk: InvokeAgentRuntime with the payloads prompt, resume, attach, cancel
and query, and the endpoints of the web service. Conversations are kept in memory. It checks who calls as the
real doors do. What it says is scripted: one `Turn` for each question or set of answers.

    with desk_agent(Turn(text("hello"))) as agent:
        agent.stack(tmp_path)      # a stack.json whose runtime this is
        agent.url                  # the web service
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from skerry.auth.aws.sigv4 import check, presented
from skerry.errors import SignatureError
from tests.kit.asgi_thread import body_of, serve
from tests.kit.runtime import KEY_ID, SECRET, Plain, Runtime, line

Event = dict[str, Any]
USER = "x-amzn-bedrock-agentcore-runtime-custom-user-id"
MAX_PAGE = 100
SESSION = "x-amzn-bedrock-agentcore-runtime-session-id"


@dataclass
class Turn:
    """What one run says. It waits for `gate` before its last event; its connection breaks after `broken`."""

    events: tuple[Event, ...] = ()
    interrupts: tuple[Event, ...] = ()
    usage: Event | None = None
    gate: threading.Event | None = None
    broken: int = 0
    error: tuple[str, str] | None = None


@dataclass
class Run:
    """A run: its events so far, and the news that there are more."""

    conversation: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    events: list[Event] = field(default_factory=list)
    done: bool = False
    stopped: bool = False
    gate: threading.Event | None = None
    more: asyncio.Condition = field(default_factory=asyncio.Condition)


@dataclass
class Kept:
    """A conversation in memory."""

    id: str
    owner: str
    title: str
    created: float
    messages: list[Event] = field(default_factory=list)
    interrupts: tuple[Event, ...] = ()
    run: str = ""

    def summary(self) -> Event:
        return {
            "id": self.id,
            "title": self.title,
            "created": self.created,
            "updated": self.created + len(self.messages),
            "count": len(self.messages),
            "version": len(self.messages),
            "expires": self.created + 86400,
        }


@dataclass
class Heard:
    """One request as it came."""

    path: str
    payload: Event
    headers: dict[str, str]
    method: str = "POST"

    @property
    def session(self) -> str:
        return self.headers.get(SESSION, "") or str(self.payload.get("conversation_id", ""))


class DeskAgent(Runtime):
    """The stand-in. `token`, when set, is wanted instead of a signature; `refusals` come before any answer.

    `trusts` says that the header with the user's name is believed.
    """

    def __init__(self, *turns: Turn, token: str = "", open_to_all: bool = False) -> None:
        super().__init__([], token=token)
        self.turns = list(turns)
        self.heard: list[Heard] = []
        self.refusals: list[Plain] = []
        self.kept: dict[str, Kept] = {}
        self.runs: dict[str, Run] = {}
        self.tools: list[Event] = []
        self.open_to_all = open_to_all
        self.trusts = True
        self._tasks: set[asyncio.Task[None]] = set()

    def said(self, name: str) -> list[Event]:
        """The payloads that had this member."""
        return [item.payload for item in self.heard if name in item.payload]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path, runtime = scope["raw_path"].decode(), scope["raw_path"].startswith(b"/runtimes/")
        if problem := self._problem(scope, headers, body, "bedrock-agentcore" if runtime else "lambda"):
            self.refused.append(problem)
            await self._refuse(send, 401 if self.token else 403, "ACCESS_DENIED", problem)
            return
        is_json = headers.get("content-type") == "application/json"
        payload = json.loads(body) if body and is_json else {}
        self.heard.append(Heard(path, payload, headers, scope["method"]))
        if self.refusals:
            refusal = self.refusals.pop(0)
            await _whole(send, refusal.status, refusal.content, refusal.headers)
        elif runtime:
            await self._invocation(headers, payload, send)
        else:
            await self._service(scope, path, headers, payload, send)

    def _problem(self, scope: Any, headers: dict[str, str], body: bytes, service: str) -> str:
        if self.open_to_all:
            return ""
        if self.token:
            return "" if headers.get("authorization") == f"Bearer {self.token}" else "wrong token"
        try:
            raw, query = scope["raw_path"], scope["query_string"]
            shown = presented(scope["method"], raw, query, list(headers.items()))
            shown.require(service=service, region="us-east-1")
            check(shown, body, SECRET, now=time.time())
        except SignatureError as problem:
            return str(problem)
        return "" if shown.access_key_id == KEY_ID else "unknown key"

    # The Runtime's door ------------------------------------------------------------------------------

    async def _invocation(self, headers: dict[str, str], payload: Event, send: Any) -> None:
        session = headers[SESSION]
        user = headers.get(USER, "") if self.trusts else ""
        owner = "jwt" if self.token else user or f"session:{session}"
        if "query" in payload:
            await _stream(send, [self._query(owner, session, payload["query"])])
        elif "cancel" in payload:
            value = self._cancel(payload["cancel"])
            await _stream(send, [{"type": "CUSTOM", "name": "cancelled", "value": value}])
        else:
            await self._talk(owner, session, payload, send, service=False)

    def _query(self, owner: str, session: str, query: Event) -> Event:
        name = query["name"]
        if name == "conversations":
            value: Any = self._list(owner, query.get("limit", 20), query.get("cursor", ""))
        elif name == "tools":
            value = {"tools": self.tools}
        else:
            found = self._mine(owner, str(query["id"]))
            if not isinstance(query.get("after", 0), int):
                return _error("VALIDATION_ERROR", "after must be a whole number.")
            if found is None:
                return {"type": "RUN_ERROR", "code": "NOT_FOUND", "message": "there is no such conversation."}
            if name == "delete":
                del self.kept[found.id]
                value = None
            else:
                value = self._page(found, query.get("after", 0), MAX_PAGE)
        return {"type": "CUSTOM", "name": name, "value": value}

    # The service's door ------------------------------------------------------------------------------

    async def _service(
        self, scope: Any, path: str, headers: dict[str, str], payload: Event, send: Any
    ) -> None:
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        parts = [unquote(part) for part in path.strip("/").split("/")]
        owner = headers.get("authorization", "")[:30]
        if path == "/stream":
            await self._talk(
                owner, payload.get("conversation_id") or str(uuid.uuid4()), payload, send, service=True
            )
        elif parts[:2] == ["api", "runs"]:
            await _whole(send, 200, self._cancel(parts[2]))
        elif path == "/api/conversations":
            await _whole(send, 200, self._list(owner, int(query.get("limit", 20)), query.get("cursor", "")))
        elif path == "/api/tools/fetch":
            await _whole(send, 200, {"tools": self.tools})
        elif parts[:2] == ["api", "conversations"] and len(parts) == 3:
            found = self._mine(owner, parts[2])
            if found is None:
                await self._refuse(send, 404, "NOT_FOUND", "there is no such conversation.")
            elif scope["method"] == "DELETE":
                del self.kept[found.id]
                await _whole(send, 204, None)
            else:
                await _whole(
                    send,
                    200,
                    self._page(found, int(query.get("after", 0)), int(query.get("limit", MAX_PAGE))),
                )
        else:
            await _whole(send, 404, {"detail": "Not Found"})

    async def _refuse(self, send: Any, status: int, code: str, message: str) -> None:
        error = {"message": message, "error": {"code": code, "message": message, "hint": ""}}
        await _whole(send, status, error, (("x-amzn-ErrorType", "AccessDeniedException"),))

    # What both do ------------------------------------------------------------------------------------

    async def _talk(self, owner: str, identifier: str, payload: Event, send: Any, *, service: bool) -> None:
        if "attach" in payload:
            run, after = self.runs.get(payload["attach"]["runId"]), int(payload["attach"].get("after", 0))
            if run is None:
                refusal = _error("UNKNOWN_RUN", "this run is not held here.")
                await _stream(
                    send, [{"type": "RUN_STARTED", "threadId": identifier, "runId": "none"}, refusal]
                )
            else:
                await self._play(run, after, 0, send)
            return
        kept = self.kept.setdefault(
            identifier, Kept(identifier, owner, str(payload.get("prompt", ""))[:60], time.time())
        )
        if "prompt" in payload and kept.interrupts:
            if service:
                await self._refuse(send, 409, "PENDING_INTERRUPTS", "a question is open.")
            else:
                await _stream(send, [_error("PENDING_INTERRUPTS", "a question is open.")])
            return
        if "prompt" in payload:
            self._add(kept, "user", [{"type": "text", "text": payload["prompt"]}])
        elif not payload["resume"]:
            turn = Turn(interrupts=kept.interrupts)
            await self._play(self._begin(kept, turn), 0, 0, send)
            return
        turn = self.turns.pop(0)
        await self._play(self._begin(kept, turn), 0, turn.broken, send)

    def _begin(self, kept: Kept, turn: Turn) -> Run:
        run = Run(kept.id, gate=turn.gate)
        self.runs[run.id] = run
        kept.run = run.id
        task = asyncio.get_running_loop().create_task(self._generate(kept, run, turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def _generate(self, kept: Kept, run: Run, turn: Turn) -> None:
        """The run itself: it goes on whether anybody listens or not."""
        ids = {"threadId": kept.id, "runId": run.id}
        outcome: Event = {"type": "success"}
        if turn.interrupts:
            outcome = {"type": "interrupt", "interrupts": list(turn.interrupts)}
        last: Event = {"type": "RUN_FINISHED", **ids, "outcome": outcome, "usage": turn.usage}
        if turn.error:
            last = _error(*turn.error)
        for event in ({"type": "RUN_STARTED", **ids}, *turn.events):
            await self._emit(run, event)
        if turn.gate is not None:
            await asyncio.to_thread(turn.gate.wait, 30)
        if run.stopped:
            last = _error("CANCELLED", "the run was stopped.")
        text = "".join(
            str(event.get("delta", "")) for event in turn.events if "TEXT_MESSAGE" in event["type"]
        )
        if text:
            self._add(kept, "assistant", [{"type": "text", "text": text}])
        kept.interrupts = () if turn.error else turn.interrupts
        kept.run = ""
        run.done = True
        await self._emit(run, last)

    async def _emit(self, run: Run, event: Event) -> None:
        async with run.more:
            run.events.append(event)
            run.more.notify_all()

    async def _play(self, run: Run, after: int, broken: int, send: Any) -> None:
        await send(_START)
        position = after
        while True:
            async with run.more:
                while position >= len(run.events):
                    if run.done:
                        await send({"type": "http.response.body", "body": b""})
                        return
                    await run.more.wait()
                event = run.events[position]
            await send({"type": "http.response.body", "body": line(event), "more_body": True})
            position += 1
            if position == broken:
                raise ConnectionAbortedError("as the script says")
            if run.done and position >= len(run.events):
                await send({"type": "http.response.body", "body": b""})
                return

    def _add(self, kept: Kept, role: str, content: list[Event]) -> None:
        message = {"number": len(kept.messages) + 1, "role": role, "content": content}
        kept.messages.append({**message, "created": time.time(), "metadata": {}})

    def _cancel(self, identifier: str) -> Event:
        run = self.runs.get(identifier)
        running = run is not None and not run.done
        if run is not None and running:
            run.stopped = True
            if run.gate is not None:
                run.gate.set()
        return {"runId": identifier, "wasRunning": running}

    def _mine(self, owner: str, identifier: str) -> Kept | None:
        found = self.kept.get(identifier)
        return found if found is not None and found.owner == owner else None

    def _list(self, owner: str, limit: int, cursor: str) -> Event:
        mine = [kept for kept in reversed(self.kept.values()) if kept.owner == owner]
        begin = int(cursor or 0)
        more = str(begin + limit) if begin + limit < len(mine) else ""
        return {"conversations": [kept.summary() for kept in mine[begin : begin + limit]], "cursor": more}

    def _page(self, kept: Kept, begin: int, limit: int) -> Event:
        assert 1 <= limit <= MAX_PAGE
        page = kept.messages[begin : begin + limit]
        more = str(begin + limit) if begin + limit < len(kept.messages) else ""
        return {
            "conversation": kept.summary(),
            "messages": page,
            "interrupts": list(kept.interrupts),
            "run": kept.run,
            "cursor": more,
        }


_START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


def _error(code: str, message: str) -> Event:
    return {"type": "RUN_ERROR", "code": code, "message": message}


async def _stream(send: Any, events: list[Event]) -> None:
    await send(_START)
    for event in events:
        await send({"type": "http.response.body", "body": line(event), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _whole(send: Any, status: int, content: Any, headers: tuple[tuple[str, str], ...] = ()) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    body = b"" if content is None else json.dumps(content).encode()
    start = [*pairs, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def desk_agent(*turns: Turn, token: str = "", open_to_all: bool = False) -> Iterator[DeskAgent]:
    """A running stand-in that says `turns`, one after the other."""
    agent = DeskAgent(*turns, token=token, open_to_all=open_to_all)
    with serve(agent, lifespan="off") as agent.url:
        yield agent


def state_of(agent: DeskAgent, folder: Path, **more: Any) -> Path:
    """The state directory of a stack whose default runtime `agent` is."""
    return agent.stack(folder / "state", auth="jwt" if agent.token else "iam", **more)
