"""The Terraform MCP server: reads for everybody, writes where the operator allows them and a person confirms.

Stateless between calls but for what `state` keeps of a session: who calls is in each request's bearer
token, and a pending confirmation is in the sealed `requestState` that the client carries (MCP 2026-07-28)
or in the open call (before).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp.server.request_state import RequestStateSecurity

from skerry.servers.arguments import ReadableArguments
from skerry.servers.terraform.desk import PART, Desk
from skerry.servers.terraform.stores import derived
from skerry.servers.terraform.token_door import add_token_door
from skerry.servers.terraform.tools import (
    organizations,
    registry,
    runs,
    session,
    states,
    variables,
    workspaces,
)

READS = (
    "HCP Terraform: organizations, projects, workspaces, runs, plans, variables, states, registries. "
    "Leave terraform_org_name out where a default is set (set_preferences). Never ask for a Terraform token: "
    "none belongs into a conversation."
)
WRITES_ON = (
    " Tools that change something ask the person for a confirmation by themselves; do not ask a second time. "
    "A run is planned with create_run and changes nothing until apply_run."
)
WRITES_OFF = (
    " This server only reads: tools that would change something are not listed. "
    "The operator allows them with SKERRY_TERRAFORM_WRITES=1."
)
STATE_LIFETIME = 600.0
"""Seconds that a person has to confirm where the client carries the question."""

WRITERS = frozenset({
    "create_workspace", "update_workspace", "lock_workspace", "unlock_workspace", "delete_workspace_safely",
    "create_run", "apply_run", "discard_run", "cancel_run", "create_workspace_variable",
    "update_workspace_variable", "delete_workspace_variable",
})  # fmt: skip


def create_server(desk: Desk) -> FastMCP:
    """The MCP server over `desk`."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await desk.close()

    writes = desk.settings.writes
    server: FastMCP = FastMCP(
        PART,
        instructions=READS + (WRITES_ON if writes else WRITES_OFF),
        lifespan=lifespan,
        mask_error_details=True,
        request_state_security=RequestStateSecurity(
            keys=[derived(desk.secret, "request state")],
            ttl=STATE_LIFETIME,
            audience=desk.settings.audience,
        ),
    )
    server.add_middleware(ReadableArguments())
    for module in (session, organizations, workspaces, runs, variables, states, registry):
        module.add(server, desk)
    if writes:
        for changing in (workspaces, runs, variables):
            changing.add_writers(server, desk)
    else:
        server.add_middleware(_Explain())
    if desk.resource is not None:
        add_token_door(server, desk, desk.resource)
    return server


class _Explain(Middleware):
    """Says why a tool that is not listed cannot be called."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[types.CallToolRequestParams],
        call_next: CallNext[types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        if context.message.name in WRITERS:
            raise ToolError(f"{context.message.name} is switched off.{WRITES_OFF}")
        return await call_next(context)
