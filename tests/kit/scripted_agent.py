"""An agent that says what a test wants, when the test wants it.

`ScriptedAgent` is the agent: conversations in memory, runs with buffered events that go on without a
listener, open questions, cancelling. `backend` is it as the port `chat/backend.py: Backend`, in the same
process; `app` is it as the agent's web service over HTTP. A script is a generator of AG-UI events and of
`Gate`s: at a gate the run waits until the test opens it.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from skerry.chat.backend import Kept, Listing, Reply, Summary, Tool
from skerry.chat.doors.connection import RefusedError
from skerry.errors import RemoteError

Event = dict[str, Any]
PATIENCE = 300

PNG = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGNgqPuPB41KkyINALnzl4n1mBg5AAAAAElFTkSuQmCC"
    )
).decode()


@dataclass(frozen=True)
class Gate:
    """A place where the run waits for the test."""

    name: str


@dataclass
class Talk:
    """A kept conversation."""

    id: str
    owner: str
    title: str = ""
    created: float = 0.0
    updated: float = 0.0
    messages: list[dict[str, Any]] = field(default_factory=list)
    interrupts: list[Event] = field(default_factory=list)
    run: str = ""

    def add(self, role: str, content: list[dict[str, Any]], **metadata: Any) -> None:
        self.updated = time.time()
        self.messages.append(
            {
                "number": len(self.messages) + 1,
                "role": role,
                "content": content,
                "created": self.updated,
                "metadata": metadata,
            }
        )

    def summary(self) -> Summary:
        return Summary(self.id, self.title, self.created, self.updated, len(self.messages))


class Run:
    """A run: its events so far, and who waits for more."""

    def __init__(self, talk: Talk, identifier: str) -> None:
        self.id, self.talk = identifier, talk
        self.events: list[Event] = []
        self.cancelled = threading.Event()
        self.over = False
        self.listeners = 0
        self.changed = threading.Condition()

    def add(self, event: Event, *, last: bool = False) -> None:
        with self.changed:
            self.events.append(event)
            self.over = self.over or last
            self.changed.notify_all()

    def listen(self, after: int = 0) -> Generator[Event]:
        position = after
        self.listeners += 1
        try:
            while True:
                with self.changed:
                    while len(self.events) <= position and not self.over:
                        assert self.changed.wait(PATIENCE), "nothing happened in the run"
                    batch = self.events[position:]
                    over = self.over
                yield from batch
                position += len(batch)
                if over and position >= len(self.events):
                    return
        finally:
            self.listeners -= 1


Script = Callable[["Step"], Iterator[Event | Gate]]


@dataclass
class Step:
    """What a script is told: the prompt, or the replies to its questions by tool call id."""

    run: Run
    prompt: str = ""
    replies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def text(said: str, *, piece: int = 7) -> Iterator[Event]:
    """A message in small pieces."""
    identifier = uuid.uuid4().hex
    yield {"type": "TEXT_MESSAGE_START", "messageId": identifier, "role": "assistant"}
    for start in range(0, len(said), piece):
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": identifier, "delta": said[start : start + piece]}
    yield {"type": "TEXT_MESSAGE_END", "messageId": identifier}


def thinking(said: str) -> Iterator[Event]:
    yield {"type": "REASONING_START", "messageId": "r"}
    yield {"type": "REASONING_MESSAGE_CONTENT", "messageId": "r", "delta": said}
    yield {"type": "REASONING_END", "messageId": "r"}


def call(identifier: str, name: str, arguments: Mapping[str, Any]) -> Iterator[Event]:
    yield {"type": "TOOL_CALL_START", "toolCallId": identifier, "toolCallName": name}
    yield {"type": "TOOL_CALL_ARGS", "toolCallId": identifier, "delta": json.dumps(arguments)}
    yield {"type": "TOOL_CALL_END", "toolCallId": identifier}


def result(identifier: str, *blocks: Mapping[str, Any], error: bool = False) -> Event:
    event: Event = {
        "type": "TOOL_CALL_RESULT",
        "messageId": uuid.uuid4().hex,
        "toolCallId": identifier,
        "content": json.dumps(list(blocks)),
        "role": "tool",
    }
    return event | ({"metadata": {"status": "error"}} if error else {})


def approval(call_id: str, name: str, arguments: Mapping[str, Any], **more: Any) -> Event:
    """An open question, as RUN_FINISHED carries it."""
    return {
        "id": f"i-{call_id}",
        "reason": "approval_required",
        "toolCallId": call_id,
        "toolName": name,
        "arguments": dict(arguments),
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "expires": time.time() + 600,
        "message": "Run it?",
        **more,
    }


USAGE = {
    "model": "scripted-1",
    "inputTokens": 1234,
    "outputTokens": 56,
    "totalTokens": 1290,
    "cacheReadInputTokens": 0,
    "cacheWriteInputTokens": 0,
    "latencyMs": 840,
    "cost": {"amount": 0.0012, "currency": "USD"},
}


class ScriptedAgent:
    """The agent. `scripts` maps the first word of a question to what happens."""

    def __init__(self, scripts: Mapping[str, Script] | None = None) -> None:
        self.scripts = dict(scripts or {})
        self.talks: dict[str, Talk] = {}
        self.runs: dict[str, Run] = {}
        self.preferences: list[Mapping[str, Any]] = []
        self.replies: list[Mapping[str, Any]] = []
        self.prompts: list[str] = []
        self.forgetful = False
        self._gates: dict[str, threading.Event] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates.setdefault(name, threading.Event())

    def open(self, name: str) -> None:
        """Lets runs through a gate, now and later."""
        self.gate(name).set()

    def finish(self) -> None:
        """Cancels every run, so that nobody listens any more."""
        for run in list(self.runs.values()):
            run.cancelled.set()

    def talk(self, identifier: str, owner: str) -> Talk:
        found = self.talks.get(identifier)
        if found is None or found.owner != owner:
            raise RefusedError(404, "NOT_FOUND", "there is no such conversation.")
        return found

    def ask(self, owner: str, identifier: str, prompt: str, preferences: Mapping[str, Any]) -> Run:
        with self._lock:
            talk = self.talks.get(identifier)
            if talk is None:
                talk = self.talks[identifier] = Talk(identifier, owner, prompt[:80], time.time())
            if talk.owner != owner:
                raise RefusedError(404, "NOT_FOUND", "there is no such conversation.")
            if talk.run:
                raise RefusedError(409, "SESSION_BUSY", "another answer is under way.")
            if talk.interrupts:
                raise RefusedError(409, "PENDING_INTERRUPTS", "a question is open.")
            self.prompts.append(prompt)
            self.preferences.append(dict(preferences))
            talk.add("user", [{"type": "text", "text": prompt}])
            script = self.scripts[prompt.split(maxsplit=1)[0].lower()]
            return self._start(talk, script, prompt=prompt)

    def resume(self, owner: str, identifier: str, entries: Sequence[Mapping[str, Any]]) -> Run:
        talk = self.talk(identifier, owner)
        by_id = {str(each["interruptId"]): each for each in entries}
        replies = {
            str(each["toolCallId"]): by_id[each["id"]]["payload"]
            for each in talk.interrupts
            if each["id"] in by_id
        }
        if len(replies) != len(by_id):
            raise RefusedError(409, "UNKNOWN_INTERRUPT_ID", "that question is not open.")
        self.replies += [dict(each) for each in entries]
        asked = next(
            message["content"][0]["text"]
            for message in reversed(talk.messages)
            if message["role"] == "user" and message["content"][0]["type"] == "text"
        )
        talk.interrupts = []
        return self._start(
            talk, self.scripts[asked.split(maxsplit=1)[0].lower()], prompt=asked, replies=replies
        )

    def _start(self, talk: Talk, script: Script, **told: Any) -> Run:
        run = Run(talk, f"run-{next(self._numbers)}")
        talk.run = run.id
        self.runs[run.id] = run
        threading.Thread(target=self._play, args=(run, script, Step(run, **told)), daemon=True).start()
        return run

    def _play(self, run: Run, script: Script, step: Step) -> None:
        talk = run.talk
        run.add({"type": "RUN_STARTED", "threadId": talk.id, "runId": run.id})
        for item in script(step):
            if isinstance(item, Gate):
                gate = self.gate(item.name)
                while not gate.wait(0.02) and not run.cancelled.is_set():
                    pass
            elif item["type"] in ("RUN_ERROR", "RUN_FINISHED"):
                self._end(run, item)
                return
            else:
                run.add(item)
            if run.cancelled.is_set():
                self._end(run, {"type": "RUN_ERROR", "code": "CANCELLED", "message": "stopped."})
                return
        self._end(run, {"type": "RUN_FINISHED", "outcome": {"type": "success"}, "usage": USAGE})

    def _end(self, run: Run, event: Event) -> None:
        talk = run.talk
        keep(run.events, talk, event.get("usage"))
        talk.interrupts = list((event.get("outcome") or {}).get("interrupts") or ())
        talk.run = ""
        ids = {"threadId": talk.id, "runId": run.id} if event["type"] == "RUN_FINISHED" else {}
        if self.forgetful:
            self.runs.pop(run.id)
        run.add({**event, **ids}, last=True)

    def attach(self, owner: str, identifier: str, run: str) -> Run:
        self.talk(identifier, owner)
        found = self.runs.get(run)
        if found is None or found.talk.id != identifier:
            raise RefusedError(404, "UNKNOWN_RUN", "no such run.")
        return found

    def cancel(self, owner: str, identifier: str, run: str) -> bool:
        self.talk(identifier, owner)
        found = self.runs.get(run)
        if found is None or found.over:
            return False
        found.cancelled.set()
        return True

    def listing(self, owner: str, cursor: str, limit: int) -> Listing:
        mine = sorted(
            (each for each in self.talks.values() if each.owner == owner), key=lambda each: -each.updated
        )
        start = int(cursor or 0)
        shown = [each.summary() for each in mine[start : start + limit]]
        return Listing(shown, str(start + limit) if len(mine) > start + limit else "")

    def delete(self, owner: str, identifier: str) -> None:
        self.talk(identifier, owner)
        del self.talks[identifier]

    def backend(self, owner: str = "somebody") -> ScriptedBackend:
        return ScriptedBackend(self, owner)


def keep(events: Sequence[Event], talk: Talk, usage: Mapping[str, Any] | None) -> None:
    """The messages of a run, as the agent keeps them."""
    content: list[dict[str, Any]] = []
    arguments: dict[str, str] = {}
    for event in events:
        kind = event["type"]
        if kind == "TEXT_MESSAGE_START":
            content.append({"type": "text", "text": ""})
        elif kind == "TEXT_MESSAGE_CONTENT":
            content[-1]["text"] += event["delta"]
        elif kind == "REASONING_MESSAGE_CONTENT":
            content.append({"type": "reasoning", "text": event["delta"]})
        elif kind == "TOOL_CALL_START":
            arguments[event["toolCallId"]] = ""
            content.append({"type": "tool_use", "id": event["toolCallId"], "name": event["toolCallName"]})
        elif kind == "TOOL_CALL_ARGS":
            arguments[event["toolCallId"]] += event["delta"]
            content[-1]["input"] = json.loads(arguments[event["toolCallId"]])
        elif kind == "TOOL_CALL_RESULT":
            if content:
                talk.add("assistant", content)
            failed = event.get("metadata", {}).get("status") == "error"
            status = "error" if failed else "success"
            blocks = json.loads(event["content"])
            block = {"type": "tool_result", "id": event["toolCallId"], "status": status, "content": blocks}
            talk.add("user", [block])
            content = []
    if content:
        talk.add("assistant", content, **({"usage": dict(usage)} if usage else {}))


class ScriptedBackend:
    """The port `Backend` on a ScriptedAgent in the same process. `broken` cuts the next streams short.

    `before_attach` is called before a run is listened to again.
    """

    region = "us-east-1"

    def __init__(self, agent: ScriptedAgent, owner: str) -> None:
        self.agent, self.owner = agent, owner
        self.name = "scripted"
        self.closed = threading.Event()
        self.broken: list[int] = []
        self.before_attach: Callable[[], object] = lambda: None
        self.calls: list[str] = []

    def ask(
        self, conversation: str, prompt: str, *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        self.calls.append("ask")
        return self._events(lambda: self.agent.ask(self.owner, conversation, prompt, preferences or {}))

    def answer(
        self, conversation: str, replies: Sequence[Reply], *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        self.calls.append("answer")
        entries = [
            {
                "interruptId": reply.interrupt_id,
                "status": "resolved",
                "payload": {"approved": reply.approved}
                | ({"content": dict(reply.content)} if reply.content is not None else {}),
            }
            for reply in replies
        ]
        return self._events(lambda: self.agent.resume(self.owner, conversation, entries))

    def attach(self, conversation: str, run: str, *, after: int = 0) -> Generator[Event]:
        self.calls.append(f"attach {after}")
        self.before_attach()
        return self._events(lambda: self.agent.attach(self.owner, conversation, run), after)

    def _events(self, begin: Callable[[], Run], after: int = 0) -> Generator[Event]:
        try:
            run = begin()
        except RefusedError as error:
            if error.status == 409 or error.kind == "UNKNOWN_RUN":
                yield {"type": "RUN_ERROR", "code": error.kind, "message": error.said}
                return
            raise
        limit = self.broken.pop(0) if self.broken else None
        for number, event in enumerate(run.listen(after)):
            if number == limit:
                raise RemoteError("the connection broke off.")
            yield event

    def cancel(self, conversation: str, run: str) -> bool:
        return self.agent.cancel(self.owner, conversation, run)

    def conversations(self, *, cursor: str = "", limit: int = 20) -> Listing:
        self.calls.append("conversations")
        return self.agent.listing(self.owner, cursor, limit)

    def conversation(self, identifier: str) -> Kept:
        talk = self.agent.talk(identifier, self.owner)
        return Kept(talk.summary(), list(talk.messages), list(talk.interrupts), talk.run)

    def delete(self, identifier: str) -> None:
        self.agent.delete(self.owner, identifier)

    def tools(self) -> Sequence[Tool]:
        return ()

    def close(self) -> None:
        self.closed.set()


def app(agent: ScriptedAgent) -> Starlette:
    """The agent as the web service of the desk. Who asks is who the bearer token names, unverified."""

    def owner(request: Request) -> str:
        return request.headers.get("authorization", "nobody").removeprefix("Bearer ")

    def stream(run: Run, after: int = 0) -> StreamingResponse:
        lines = (f"data: {json.dumps(event)}\n\n" for event in run.listen(after))
        return StreamingResponse(lines, media_type="text/event-stream")

    async def post_stream(request: Request) -> Response:
        body = await request.json()
        identifier = body.get("conversation_id") or str(uuid.uuid4())
        if "attach" in body:
            wanted = body["attach"]
            run = agent.attach(owner(request), identifier, wanted["runId"])
            return stream(run, wanted.get("after", 0))
        if "resume" in body:
            return stream(agent.resume(owner(request), identifier, body["resume"]))
        preferences = (body.get("client_context") or {}).get("user_preferences") or {}
        return stream(agent.ask(owner(request), identifier, body["prompt"], preferences))

    async def post_cancel(request: Request) -> Response:
        run, body = request.path_params["run"], await request.json()
        was = agent.cancel(owner(request), body["conversation_id"], run)
        return JSONResponse({"runId": run, "wasRunning": was})

    async def get_conversations(request: Request) -> Response:
        query = request.query_params
        found = agent.listing(owner(request), query.get("cursor", ""), int(query.get("limit", "20")))
        listed = [
            {
                "id": each.id,
                "title": each.title,
                "created": each.created,
                "updated": each.updated,
                "count": each.count,
                "version": 1,
                "expires": each.created + 86400,
            }
            for each in found.conversations
        ]
        return JSONResponse({"conversations": listed, "cursor": found.cursor})

    async def get_conversation(request: Request) -> Response:
        talk = agent.talk(request.path_params["id"], owner(request))
        about = {
            "id": talk.id,
            "title": talk.title,
            "created": talk.created,
            "updated": talk.updated,
            "count": len(talk.messages),
            "version": 1,
            "expires": talk.created + 86400,
        }
        after = int(request.query_params.get("after", "0"))
        messages = [message for message in talk.messages if message["number"] > after]
        return JSONResponse(
            {
                "conversation": about,
                "messages": messages,
                "interrupts": talk.interrupts,
                "run": talk.run,
                "cursor": "",
            }
        )

    async def delete_conversation(request: Request) -> Response:
        agent.delete(owner(request), request.path_params["id"])
        return Response(status_code=204)

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        body = {"error": {"code": error.kind, "message": error.said, "hint": error.hint}}
        return JSONResponse(body, status_code=error.status)

    return Starlette(
        routes=[
            Route("/stream", post_stream, methods=["POST"]),
            Route("/api/runs/{run}/cancel", post_cancel, methods=["POST"]),
            Route("/api/conversations", get_conversations),
            Route("/api/conversations/{id}", get_conversation),
            Route("/api/conversations/{id}", delete_conversation, methods=["DELETE"]),
        ],
        exception_handlers={RefusedError: refused},
    )
