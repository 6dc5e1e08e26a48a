"""The gate before every tool call: read-only tools pass, everything else asks a person.

It is an allow list. A tool passes when its server says `readOnlyHint: true` or when its name fits a
configured pattern; an unknown tool asks. The server's own question (elicitation) is answered here too,
and only for the very call that a person has just approved: one question for one change, and a client
without this gate is still asked by the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from strands.hooks import AfterToolCallEvent, AfterToolsEvent, BeforeToolCallEvent, HookProvider, HookRegistry
from strands.tools.mcp import MCPAgentTool
from strands.types.tools import AgentTool

from skerry.agent.approvals import digest

DENIED = "Not confirmed: the call was not made and nothing was changed. Do not try it again unasked."
INTERRUPT = "approval"


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
        own = name.rpartition("___")[2]
        return not any(fnmatchcase(name if "___" in pattern else own, pattern) for pattern in self.read_only)


def name_of(tool: AgentTool) -> str:
    """The name that the gateway knows a tool by."""
    return tool.mcp_tool.name if isinstance(tool, MCPAgentTool) else tool.tool_name


class Gate(HookProvider):
    """The gate of one conversation, whose calls are made one after another."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._confirmed = False
        self._denied: list[str] = []

    def reset(self) -> None:
        """Forgets the run before."""
        self._confirmed = False
        self._denied = []

    def register_hooks(self, registry: HookRegistry, **_: Any) -> None:
        registry.add_callback(BeforeToolCallEvent, self.before)
        registry.add_callback(AfterToolCallEvent, self.after)
        registry.add_callback(AfterToolsEvent, self.after_all)

    def before(self, event: BeforeToolCallEvent[Any]) -> None:
        """Lets the call pass, pauses the run, or refuses what was not approved."""
        self._confirmed = False
        tool = event.selected_tool
        if tool is None:  # Strands itself tells the model that there is no such tool
            return
        name, arguments = name_of(tool), event.tool_use["input"]
        if not self._policy.asks(name, tool.tool_spec.get("annotations")):
            return
        reason = {"tool": name, "arguments": arguments, "toolCallId": event.tool_use["toolUseId"]}
        answer = event.interrupt(INTERRUPT, reason=reason)
        if answer == approval(name, arguments):
            self._confirmed = True
        else:
            self._denied.append(name)
            event.cancel_tool = DENIED

    def after(self, event: AfterToolCallEvent[Any]) -> None:  # noqa: ARG002  (the hook's signature)
        """The call is over: nobody else's question is answered for it."""
        self._confirmed = False

    def after_all(self, event: AfterToolsEvent) -> None:
        """When nothing but refused calls came out, the turn ends here, in words that are true."""
        results = [block["toolResult"] for block in event.message["content"] if "toolResult" in block]
        if self._denied and all(result["content"] == [{"text": DENIED}] for result in results):
            event.end_turn = f"Nothing was changed: {' and '.join(self._denied)} was not confirmed."

    async def elicited(
        self,
        context: ClientRequestContext,  # noqa: ARG002  (the callback's signature)
        params: ElicitRequestParams,
    ) -> ElicitResult:
        """Answers a server that asks during a call: yes once, for the call that was approved."""
        confirmed, self._confirmed = self._confirmed, False
        content = confirmation(params)
        if not confirmed or content is None:
            return ElicitResult(action="cancel")
        return ElicitResult(action="accept", content=content)


def approval(tool: str, arguments: Mapping[str, Any]) -> dict[str, str]:
    """What the gate takes for a yes: bound to the tool and its arguments."""
    return {"approved": digest(tool, arguments)}


def confirmation(
    params: ElicitRequestParams,
) -> dict[str, str | int | float | bool | list[str] | None] | None:
    """The yes to a server's question, or None when it asks for more than a yes.

    A form of no field, or of one boolean field, is a plain confirmation. Anything else needs a person's
    own words.
    """
    if not isinstance(params, ElicitRequestFormParams):
        return None
    fields = params.requested_schema.get("properties", {})
    if not isinstance(fields, Mapping) or len(fields) > 1:
        return None
    if all(isinstance(field, Mapping) and field.get("type") == "boolean" for field in fields.values()):
        return dict.fromkeys(fields, True)
    return None
