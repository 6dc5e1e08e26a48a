"""What users do all day: call tools, invoke agents, list, write resources. One worker is one of them.

A worker takes its client from `stack.client` for each step, because a killed stack comes back with another.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import quote

import aiohttp

from tests.soak.client import Answer, Client
from tests.soak.ledger import ABSENT, PRESENT, UNKNOWN, Ledger

LOST = (aiohttp.ClientError, TimeoutError, OSError)
"""No whole answer came: the stack was killed, or is not back yet."""
SHAKEN = frozenset({402, 409, 424, 429, 502, 503})
"""HTTP statuses that tell of killed compute."""
SHAKEN_CODES = frozenset({-32003, -32005, -32010})
"""The same in JSON-RPC, as a runtime that speaks MCP says it: there is no room for a session, it ends, or ended during the call."""
SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
FAILED = "An internal error occurred. Please retry later."
TOOLS = ("fn___echo", "runtime___echo", "server___echo")
PAUSE = 0.2
"""Seconds a worker waits for a stack that is away."""


class Stack(Protocol):
    """What a worker needs to know of the stack."""

    client: Client
    gateway: str
    """Path of the gateway's MCP endpoint."""
    gateway_id: str
    runtime: str
    """ARN of the runtime that is invoked."""


class Worker:
    """Works until `over` is set. Every answer is checked; what is wrong goes into the ledger."""

    def __init__(self, stack: Stack, ledger: Ledger, over: asyncio.Event, seed: int) -> None:
        self._stack = stack
        self._ledger = ledger
        self._over = over
        self._random = random.Random(seed)
        self._sessions = [f"soak-{uuid.UUID(int=self._random.getrandbits(128))}" for _ in range(2)]
        self._own: list[str] = []
        self._steps: list[tuple[int, Callable[[], Awaitable[str]]]] = [
            (60, self._call),
            (25, self._invoke),
            (4, self._note),
            (5, self._list),
            (2, self._create),
            (2, self._delete),
        ]

    async def run(self) -> None:
        """One step after the other."""
        weights = [weight for weight, _ in self._steps]
        while not self._over.is_set():
            _, step = self._random.choices(self._steps, weights)[0]
            try:
                outcome = await step()
            except LOST as problem:
                outcome = f"no answer ({type(problem).__name__})"
                await asyncio.sleep(PAUSE)
            self._ledger.outcomes[f"{step.__name__.strip('_')}: {outcome}"] += 1

    def _text(self) -> str:
        return f"{uuid.UUID(int=self._random.getrandbits(128))}"

    async def _rpc(self, method: str, params: object) -> Answer:
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        return await self._stack.client.send(
            "POST", self._stack.gateway, body, **{"mcp-protocol-version": "2025-06-18"}
        )

    async def _call(self) -> str:
        text, name = self._text(), self._random.choice(TOOLS)
        answer = await self._rpc("tools/call", {"name": name, "arguments": {"text": text}})
        if answer.status != 200:
            return self._status(answer)
        message = answer.json()
        result = message.get("result")
        if result is None:
            code = message["error"]["code"]
            return str(code) if code in SHAKEN_CODES else self._wrong(f"{name}: {answer.body!r}")
        shown = result["content"][0]["text"]
        if result.get("isError"):
            known = shown == FAILED or "is not available" in shown
            return "failed" if known else self._wrong(f"{name}: {shown}")
        right = (json.dumps({"text": text}) if name.startswith("fn") else text) == shown
        return "ok" if right else self._wrong(f"{name} answered {shown!r} to {text!r}")

    async def _invoke(self, *, note: bool = False, text: str = "") -> str:
        text, session = text or self._text(), self._random.choice(self._sessions)
        path = f"/runtimes/{quote(self._stack.runtime, safe='')}/invocations"
        payload = {"text": text, "session": session, "note": note}
        answer = await self._stack.client.send("POST", path, payload, **{SESSION: session})
        if answer.status != 200:
            return self._status(answer)
        said = answer.json()
        right = (said["text"], said["session"], said["own"], answer.session) == (text, *[session] * 3)
        return "ok" if right else self._wrong(f"{session} heard {text!r} and answered {said}")

    async def _note(self) -> str:
        text = f"note-{self._text()}"
        self._ledger.notes[text] = UNKNOWN
        outcome = await self._invoke(note=True, text=text)
        if outcome == "ok":
            self._ledger.notes[text] = PRESENT
        return outcome

    async def _list(self) -> str:
        answer = await self._rpc("tools/list", {})
        if answer.status != 200:
            return self._status(answer)
        names = {tool["name"] for tool in answer.json()["result"]["tools"]}
        return "ok" if "fn___echo" in names else self._wrong(f"the list lacks a tool: {sorted(names)}")

    async def _create(self) -> str:
        name = f"t-{self._text()}"
        schema = {"inlinePayload": [{"name": "x", "description": "d", "inputSchema": {"type": "object"}}]}
        arn = "arn:aws:lambda:us-east-1:123456789012:function:fn"
        body = {
            "name": name,
            "targetConfiguration": {"mcp": {"lambda": {"lambdaArn": arn, "toolSchema": schema}}},
            "credentialProviderConfigurations": [{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
        }
        self._ledger.targets[name] = UNKNOWN
        answer = await self._stack.client.send("POST", f"/gateways/{self._stack.gateway_id}/targets/", body)
        if answer.status != 202:
            del self._ledger.targets[name]
            return self._status(answer)
        self._ledger.targets[name] = PRESENT
        self._own.append(f"{name} {answer.json()['targetId']}")
        return "ok"

    async def _delete(self) -> str:
        if not self._own:
            return "nothing to delete"
        name, target = self._own.pop(0).split()
        self._ledger.targets[name] = UNKNOWN
        path = f"/gateways/{self._stack.gateway_id}/targets/{target}/"
        answer = await self._stack.client.send("DELETE", path)
        if answer.status == 202:
            self._ledger.targets[name] = ABSENT
            return "ok"
        self._ledger.targets[name] = PRESENT
        self._own.append(f"{name} {target}")
        return self._status(answer)

    def _status(self, answer: Answer) -> str:
        if answer.status in SHAKEN:
            return str(answer.status)
        return self._wrong(f"status {answer.status}: {answer.body[:300]!r}")

    def _wrong(self, text: str) -> str:
        self._ledger.mistake(text)
        return "WRONG"
