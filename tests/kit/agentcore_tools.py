"""The tools of the fake data plane: each misbehaves in one way, as its arguments say. See `agentcore`."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from skerry.wire import eras, sse
from tests.kit.agentcore_refusals import aws_error
from tests.kit.http_peer import Exchange
from tests.kit.news import WITHIN

if TYPE_CHECKING:
    from tests.kit.agentcore import AgentCore

Json = dict[str, Any]

_numbers = itertools.count(1)


def progress(token: Any, step: int, total: int) -> Json:
    """A progress notification."""
    params = {"progressToken": token, "progress": step, "total": total}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def log(text: str) -> Json:
    """A log message of level info."""
    return {
        "jsonrpc": "2.0",
        "method": "notifications/message",
        "params": {"level": "info", "data": text},
    }


def changed(what: str = "tools") -> Json:
    """A change of a list."""
    return {"jsonrpc": "2.0", "method": f"notifications/{what}/list_changed"}


class Call:
    """One request on its way to an answer, as JSON or, once something was emitted, as an event stream."""

    def __init__(
        self, server: AgentCore, exchange: Exchange, message: Json, headers: Mapping[str, str]
    ) -> None:
        self.server, self.exchange, self.message, self.headers = server, exchange, message, headers
        self.params: Json = message.get("params") or {}
        self.arguments: Json = self.params.get("arguments") or {}
        self.streaming = False

    @property
    def modern(self) -> bool:
        return eras.META_PROTOCOL_VERSION in (self.params.get("_meta") or {})

    async def emit(self, message: Json) -> None:
        """One message on the stream of this call."""
        await self.begin()
        await self.exchange.send(sse.encode(json.dumps(message), event="message"))

    async def begin(self) -> None:
        """The head of the event stream, so that the client knows that the call was taken."""
        if not self.streaming:
            self.streaming = True
            await self.exchange.stream(self.headers)

    async def answer(self, outcome: Json, *, status: int = 200, form: str = "") -> None:
        """The response: `form` is `sse`, `json` or `pretty`; by default what the server is set to."""
        message = {"jsonrpc": "2.0", "id": self.message.get("id"), **outcome}
        form = form or ("json" if self.server.json_bodies or status != 200 else "sse")
        if self.streaming or form == "sse":
            await self.emit(message)
            await self.exchange.end()
        else:
            body = json.dumps(message, indent=2 if form == "pretty" else None).encode()
            await self.exchange.answer(status, body, self.headers)

    async def result(self, result: Json, *, form: str = "") -> None:
        """A result, complete and with a lifetime in the modern era."""
        if self.modern:
            result = eras.to_modern_result(
                self.message["method"], result, server_info={"name": "fake", "version": "1"}
            )
        await self.answer({"result": result}, form=form)

    async def text(self, text: str) -> None:
        await self.result({"content": [{"type": "text", "text": text}]}, form=self.arguments.get("form", ""))

    async def error(self, code: int, message: str, data: Any = None, *, status: int = 200) -> None:
        found: Json = {"code": code, "message": message}
        if data is not None:
            found["data"] = data
        await self.answer({"error": found}, status=status, form=self.arguments.get("form", ""))

    async def either(self, event: asyncio.Event) -> bool:
        """Waits for the event; False when the client hung up first."""
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.exchange.gone.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.exchange.gone.is_set() and not event.is_set():
            self.server.hung_up.append(self.params.get("name", ""))
            self.server.news()
            return False
        return True

    async def question(self, method: str, params: Json, identifier: Any) -> Json:
        """A request of the server to the client on this stream, and the client's response."""
        future = self.server.expect(identifier)
        await self.emit({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})
        return await asyncio.wait_for(future, WITHIN)


async def echo(call: Call) -> None:
    """`text` back; `form` picks the body."""
    await call.text(call.arguments.get("text", ""))


async def wait(call: Call) -> None:
    """Answers when the test opens `gate`; `head` sends the head of the stream at once."""
    if call.arguments.get("head"):
        await call.begin()
    if await call.either(call.server.gate(call.arguments.get("gate", "gate"))):
        await call.text("waited")


async def meet(call: Call) -> None:
    """Answers when `n` calls are here at once, and never before."""
    call.server.meeting += 1
    if call.server.meeting >= call.arguments["n"]:
        call.server.gate("meet").set()
    if await call.either(call.server.gate("meet")):
        await call.text("met")


async def big(call: Call) -> None:
    """`n` bytes."""
    await call.text("x" * int(call.arguments["n"]))


async def steps(call: Call) -> None:
    """`n` progress notifications; after each it waits for the gate `stepK`."""
    token = (call.params.get("_meta") or {}).get("progressToken", "none")
    total = int(call.arguments.get("n", 2))
    for step in range(1, total + 1):
        await call.emit(progress(token, step, total))
        if not await call.either(call.server.gate(f"step{step}")):
            return
    await call.text("done")


async def notify(call: Call) -> None:
    """A log message and a list change before the result."""
    await call.emit(log("from the call"))
    if not call.modern:
        await call.emit(changed())
    await call.text("done")


async def ask(call: Call) -> None:
    """Asks the client: `rounds` is a list of rounds, each a list of {method, params}.

    Legacy: requests on the stream, those of a round at once; with `same_id` under the id of the call. Modern:
    one `input_required` per round. The result is the JSON of all answers, by round.
    """
    rounds: list[list[Json]] = call.arguments["rounds"]
    if call.modern:
        await _ask_modern(call, rounds)
        return
    answers = []
    for questions in rounds:
        asked = [
            call.question(
                item["method"],
                item.get("params", {}),
                call.message["id"] if call.arguments.get("same_id") else f"server-{next(_numbers)}",
            )
            for item in questions
        ]
        got = await asyncio.gather(*asked)
        answers.append([item.get("result", {"error": item.get("error")}) for item in got])
    await call.text(json.dumps(answers))


async def _ask_modern(call: Call, rounds: list[list[Json]]) -> None:
    server, state = call.server, call.params.get("requestState")
    if state is None:
        conversation: Json = {"ids": [], "answers": []}
    else:
        conversation = server.conversations.pop(state, {})
        given = call.params.get("inputResponses", {})
        if not conversation or call.message["id"] in conversation["ids"]:
            await call.error(-32602, "the request state is unknown, or the id was used before")
            return
        conversation["answers"].append([given[key] for key in sorted(given)])
    conversation["ids"].append(call.message["id"])
    at = len(conversation["answers"])
    if at == len(rounds):
        await call.text(json.dumps(conversation["answers"]))
        return
    token = f"state-{next(_numbers)} é"
    server.conversations[token] = conversation
    wanted = {f"q{number}": item for number, item in enumerate(rounds[at])}
    outcome = {"resultType": "input_required", "inputRequests": wanted, "requestState": token}
    await call.answer({"result": outcome})


async def status(call: Call) -> None:
    """HTTP `status` with AWS's headers; `times` of them, then a result."""
    count = call.server.count_of("status " + str(call.arguments))
    if count > int(call.arguments.get("times", 1_000_000)):
        await call.text("recovered")
        return
    await aws_error(call.exchange, int(call.arguments["status"]), extra=call.arguments.get("headers", {}))


async def rpc(call: Call) -> None:
    """A JSON-RPC error `code` with `message` and `data`; `times` of them, then a result."""
    count = call.server.count_of("rpc " + str(call.arguments))
    if count > int(call.arguments.get("times", 1_000_000)):
        await call.text("recovered")
        return
    arguments = call.arguments
    await call.error(arguments["code"], arguments.get("message", "boom"), arguments.get("data"))


async def drop(call: Call) -> None:
    """Ends without a result, in the way that `how` says."""
    how, exchange = call.arguments["how"], call.exchange
    if how == "stream ends":
        await call.begin()
        await exchange.send(b": bye\n\n")
        await exchange.end()
    elif how == "stream cut":
        await call.emit(log("before the cut"))
        exchange.cut()
    elif how == "no answer":
        exchange.cut()
    elif how == "half a body":
        head = {"content-type": "application/json", "content-length": "1000"}
        await exchange.head(200, head | dict(call.headers))
        await exchange.raw(b'{"jsonrpc":"2.0",')
        exchange.cut()
    elif how == "empty body":
        await exchange.answer(200, b"", call.headers)
    elif how == "accepted":
        await exchange.answer(202, b"", call.headers)
    elif how == "html":
        await exchange.answer(200, b"<html>Sign in</html>", {"content-type": "text/html"})
    elif how == "another id":
        other = {"jsonrpc": "2.0", "id": "nobody's", "result": {}}
        await exchange.answer(200, json.dumps(other).encode(), call.headers)
    else:
        raise AssertionError(how)


async def mute(call: Call) -> None:
    """Never answers: `after` nothing at all, the `head`, or a `message`."""
    after = call.arguments.get("after", "nothing")
    if after == "head":
        await call.begin()
    elif after == "message":
        await call.emit(log("then silence"))
    await call.either(asyncio.Event())


Tool = Callable[[Call], Awaitable[None]]

TOOLS: dict[str, tuple[Tool, Json | None]] = {
    "echo": (echo, {"readOnlyHint": True}),
    "look": (echo, {"readOnlyHint": True, "title": "Look"}),
    "remove": (echo, {"readOnlyHint": False, "destructiveHint": True}),
    "odd": (echo, {"readOnlyHint": "true"}),
    "unmarked": (echo, None),
    "wait": (wait, None),
    "meet": (meet, None),
    "big": (big, None),
    "steps": (steps, None),
    "notify": (notify, None),
    "ask": (ask, None),
    "status": (status, None),
    "rpc": (rpc, None),
    "drop": (drop, None),
    "mute": (mute, None),
}
"""Name, what it does, and its annotations. Nothing that counts runs is marked as safe to repeat."""

SCHEMAS: dict[str, Json] = {
    "unmarked": {
        "type": "object",
        "properties": {"text": {"type": "string"}, "place": {"type": "string", "x-mcp-header": "Place"}},
        "$defs": {"kept": {"type": "integer", "minimum": 1}},
    }
}
"""Input schemas that say more than that they are objects."""


def listing() -> list[Json]:
    """The tools as `tools/list` shows them."""
    found = []
    for name, (tool, hints) in TOOLS.items():
        schema = SCHEMAS.get(name, {"type": "object"})
        entry: Json = {"name": name, "description": tool.__doc__ or "", "inputSchema": schema}
        if hints is not None:
            entry["annotations"] = hints
        found.append(entry)
    return found
