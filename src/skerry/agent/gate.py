"""The gate before every tool call: read-only tools pass, everything else asks a person.

It is an allow list. A tool passes when its server says `readOnlyHint: true` or when its name fits a
configured pattern; an unknown tool asks. A server's own plain question (elicitation) is answered here for
the very call that a person has just approved: one question for one change, and a client without this gate
is still asked by the server. Every other question of a server goes to the person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from strands.hooks import AfterToolCallEvent, AfterToolsEvent, BeforeToolCallEvent, HookProvider, HookRegistry
from strands.tools.mcp import MCPAgentTool
from strands.types.tools import AgentTool

from skerry.agent.approvals import digest
from skerry.agent.forms import Content, is_confirmation, yes
from skerry.wire.links import link
from skerry.wire.tool_names import SEPARATOR, own_name

DENIED = "Not confirmed: the call was not made and nothing was changed. Do not try it again unasked."
INTERRUPT = "approval"
MAX_MESSAGE = 4000


@dataclass(frozen=True, slots=True)
class Policy:
    """Which tools run without asking.

    A pattern with `___` is compared with the whole name (`target___tool`), any other with the tool's
    own name at every target. Patterns are those of `fnmatch`.
    """

    read_only: tuple[str, ...] = ()

    def asks(self, name: str, annotations: Mapping[str, Any] | None) -> bool:
        """Whether a person has to confirm the tool."""
        if annotations is not None and annotations.get("readOnlyHint") is True:
            return False
        own = own_name(name)
        return not any(
            fnmatchcase(name if SEPARATOR in pattern else own, pattern) for pattern in self.read_only
        )


def name_of(tool: AgentTool) -> str:
    """The name that the gateway knows a tool by."""
    return tool.mcp_tool.name if isinstance(tool, MCPAgentTool) else tool.tool_name


@dataclass(frozen=True, slots=True)
class Question:
    """What a server asks in the middle of a call.

    `schema` is the form that it wants filled in, or `url` the page that it wants opened.
    """

    tool_call_id: str
    tool: str
    arguments: Mapping[str, Any]
    message: str
    schema: Mapping[str, Any]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The person's answer to a server: `accept` with the fields of the form, `decline` or `cancel`."""

    action: str
    content: Content | None = None


class Person(Protocol):
    """Who answers the questions of servers."""

    def __call__(self, question: Question) -> Coroutine[Any, Any, Reply]:
        """Asks; called on the event loop of the run."""
        ...


class Gate(HookProvider):
    """The gate of one run, whose calls are made one after another, on the event loop that makes it."""

    def __init__(self, policy: Policy, person: Person) -> None:
        self._policy = policy
        self._person = person
        self._loop = asyncio.get_running_loop()
        self._call: tuple[str, str, Mapping[str, Any]] | None = None
        self._confirmed = False
        self._denied: list[str] = []
        self.durations: dict[str, float] = {}

    def register_hooks(self, registry: HookRegistry, **_: Any) -> None:
        registry.add_callback(BeforeToolCallEvent, self.before)
        registry.add_callback(AfterToolCallEvent, self.after)
        registry.add_callback(AfterToolsEvent, self.after_all)

    def before(self, event: BeforeToolCallEvent[Any]) -> None:
        """Lets the call pass, pauses the run, or refuses what was not approved."""
        self._confirmed, self._call = False, None
        tool = event.selected_tool
        if tool is None:  # Strands itself tells the model that there is no such tool
            return
        name, arguments = name_of(tool), event.tool_use["input"]
        self._call = (event.tool_use["toolUseId"], name, arguments)
        if not self._policy.asks(name, tool.tool_spec.get("annotations")):
            return
        reason = {"tool": name, "arguments": arguments, "toolCallId": event.tool_use["toolUseId"]}
        answer = event.interrupt(INTERRUPT, reason=reason)
        if answer == approval(name, arguments):
            self._confirmed = True
        else:
            self._denied.append(name)
            event.cancel_tool = DENIED

    def after(self, event: AfterToolCallEvent[Any]) -> None:
        """The call is over: nobody else's question is answered for it."""
        self._confirmed, self._call = False, None
        if event.duration is not None:
            self.durations[event.tool_use["toolUseId"]] = round(event.duration, 3)

    def after_all(self, event: AfterToolsEvent) -> None:
        """When nothing but refused calls came out, the turn ends here, in words that are true."""
        results = [block["toolResult"] for block in event.message["content"] if "toolResult" in block]
        if self._denied and all(result["content"] == [{"text": DENIED}] for result in results):
            event.end_turn = unchanged(self._denied)

    async def elicited(
        self,
        context: ClientRequestContext,  # noqa: ARG002  (the callback's signature)
        params: ElicitRequestParams,
    ) -> ElicitResult:
        """Answers a server that asks during a call; called on the loop of the connection's thread.

        For an approved call its plain question is answered, once; any other form, and every page, is the
        person's. A page that nobody should open is declined.
        """
        call = self._call
        if call is None:
            return ElicitResult(action="cancel")
        message = params.message[:MAX_MESSAGE]
        if isinstance(params, ElicitRequestFormParams):
            schema = params.requested_schema
            if self._confirmed and is_confirmation(schema):
                self._confirmed = False
                return ElicitResult(action="accept", content=yes(schema))
            question = Question(*call, message=message, schema=schema)
        elif link(params.url).problem:
            return ElicitResult(action="decline")
        else:
            question = Question(*call, message=message, schema={}, url=params.url)
        waiting = asyncio.run_coroutine_threadsafe(self._person(question), self._loop)
        reply = await asyncio.wrap_future(waiting)
        return ElicitResult.model_validate({"action": reply.action, "content": reply.content})


def unchanged(tools: Sequence[str]) -> str:
    """What is said when a person confirmed none of the calls."""
    return f"Nothing was changed: {' and '.join(tools)} was not confirmed."


def approval(tool: str, arguments: Mapping[str, Any]) -> dict[str, str]:
    """What the gate takes for a yes: bound to the tool and its arguments."""
    return {"approved": digest(tool, arguments)}
