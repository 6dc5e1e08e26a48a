"""Which tools a host may see and call: `--read-only`, `--allow`, `--deny`.

Fail closed: what the list does not show cannot be called, and a tool that does not say that it only reads
is no reader. Source: MCP specification, tool annotations (`readOnlyHint`, which is the server's own word).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Any

from skerry.relay.ports import Emit, RelayError, Server
from skerry.relay.tool_pages import tool_pages
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

_MAX_PAGES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Patterns are those of file names (`*`, `?`, `[a-z]`), matched against the whole name, case included.

    Without `allow` every name is allowed; `deny` wins.
    """

    read_only: bool = False
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.read_only or bool(self.allow) or bool(self.deny)

    def refusal(self, name: str, tool: Mapping[str, Any] | None) -> str | None:
        """Why a tool may not be used, or None. `tool` is its entry in `tools/list`, None when not listed."""
        if any(re.fullmatch(translate(pattern), name) for pattern in self.deny):
            return "it is denied by --deny"
        if self.allow and not any(re.fullmatch(translate(pattern), name) for pattern in self.allow):
            return "it is not among the tools of --allow"
        if not self.read_only:
            return None
        if tool is None:
            return "the server does not list it, and only tools that read are allowed (--read-only)"
        hints = tool.get("annotations")
        if isinstance(hints, dict) and hints.get("readOnlyHint") is True:
            return None
        return "the server does not mark it as only reading (--read-only)"


class Guarded:
    """A server behind a policy."""

    def __init__(self, server: Server, policy: Policy) -> None:
        self._server = server
        self._policy = policy
        self._tools: dict[str, Mapping[str, Any]] = {}
        self._ids = itertools.count(1)

    @property
    def era(self) -> eras.Era:
        """The era of the server behind."""
        return self._server.era

    def listen(self, deliver: Emit) -> None:
        self._server.listen(deliver)

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        if request.method == "tools/list":
            return self._filtered(await self._server.call(request, emit))
        if request.method == "tools/call":
            await self._check(request, emit)
        return await self._server.call(request, emit)

    async def notify(self, notification: Envelope) -> None:
        await self._server.notify(notification)

    async def respond(self, response: Envelope) -> None:
        await self._server.respond(response)

    async def close(self) -> None:
        await self._server.close()

    async def _check(self, request: Envelope, emit: Emit) -> None:
        name = request.params.get("name")
        if not isinstance(name, str):
            return  # the server's to refuse: without a name nothing can run
        if self._policy.read_only and name not in self._tools:
            await self._learn(request, emit)
        why = self._policy.refusal(name, self._tools.get(name))
        if why is not None:
            raise RelayError(
                "policy",
                f"The tool {name[:200]!r} is switched off in this proxy: {why}.",
                hint="Nothing was sent. Change the proxy's flags in the host's configuration to use it.",
                rpc_code=jsonrpc.INVALID_PARAMS,
            )

    async def _learn(self, request: Envelope, emit: Emit) -> None:
        """Reads the whole list of tools, in the name of the client that calls."""
        pages = tool_pages(lambda asked: self._server.call(asked, emit), request, self._ids, limit=_MAX_PAGES)
        async for answer in pages:
            self._filtered(answer)

    def _filtered(self, answer: Envelope) -> Envelope:
        """The list without what may not be used; its bytes stay when nothing is taken out."""
        tools = answer.result.get("tools") if isinstance(answer.result, dict) else None
        if not isinstance(tools, list):
            return answer
        kept = []
        for tool in tools:
            name = tool.get("name") if isinstance(tool, dict) else None
            if not isinstance(name, str):
                continue
            self._tools[name] = tool
            if self._policy.refusal(name, tool) is None:
                kept.append(tool)
        if len(kept) == len(tools):
            return answer
        body = jsonrpc.response(answer.raw_id, {**answer.result, "tools": kept})
        return replace(jsonrpc.parse(body), id=answer.id, raw_id=answer.raw_id)
