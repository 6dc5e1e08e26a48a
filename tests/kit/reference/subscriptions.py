"""What changed, told to those who asked: by `subscriptions/listen` (2026-07-28) or to the session (before)."""

from __future__ import annotations

from mcp import types
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    PromptsListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

from tests.kit.reference.conversation import Context

LEGACY_SESSION = "mcp-session-id"


class Subscriptions:
    """Who watches which resource; `bus` carries what changed to the streams of 2026-07-28."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._watched: set[tuple[str, str]] = set()

    async def subscribe(self, context: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        self._watched.add((_session(context), str(params.uri)))
        return types.EmptyResult()

    async def unsubscribe(
        self, context: Context, params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        self._watched.discard((_session(context), str(params.uri)))
        return types.EmptyResult()

    async def tools_changed(self, context: Context) -> None:
        await self.bus.publish(ToolsListChanged())
        await context.session.send_tool_list_changed()

    async def prompts_changed(self, context: Context) -> None:
        await self.bus.publish(PromptsListChanged())
        await context.session.send_prompt_list_changed()

    async def resource_changed(self, context: Context, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))
        if (_session(context), uri) in self._watched:
            await context.session.send_resource_updated(uri)


def _session(context: Context) -> str:
    """The session of a legacy HTTP client; over stdio there is only one."""
    return context.request.headers.get(LEGACY_SESSION, "") if context.request is not None else ""
