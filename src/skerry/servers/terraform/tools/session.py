"""Tools about the session itself: what the server knows of the caller, and the caller's defaults."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from skerry.errors import StateError
from skerry.servers.terraform.desk import Desk
from skerry.servers.terraform.state import Preferences, principal_digest

LOCAL_READ = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
LOCAL_WRITE = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
NO_SESSION = (
    "This call names no session, so nothing can be kept for it. "
    "A client has to send the header X-Session-ID, and a gateway's target has to pass it on."
)

OrganizationOrNone = Annotated[
    str | None,
    Field(
        description="Default organization; an empty string takes it back.", pattern=r"^[A-Za-z0-9_-]{0,64}$"
    ),
]
ProjectOrNone = Annotated[
    str | None,
    Field(
        description="Id of the default project; an empty string takes it back.",
        pattern=r"^(prj-[A-Za-z0-9]{1,64})?$",
    ),
]


def add(server: FastMCP, desk: Desk) -> None:
    """Adds the tools of this module."""

    @server.tool(annotations=LOCAL_READ, title="About this session")
    async def session_info(ctx: Context) -> dict[str, Any]:
        """Shows what this server knows of the caller: session, region, agent, preferences and limits."""
        async with desk.visit(ctx, "session_info") as visit:
            _, source = await visit.token()
            return {
                "session": visit.context.session_id,
                "keeps_state": visit.session is not None,
                "principal": principal_digest(visit.caller),
                "context": visit.context.to_payload(),
                "previous_context": visit.previous,
                "preferences": asdict(await visit.preferences()),
                "default_organization": desk.settings.organization,
                "organizations": list(desk.settings.organizations),
                "terraform_token": source,
                "terraform_address": desk.settings.address,
                "writes": desk.settings.writes,
                "writes_hint": "" if desk.settings.writes else "The operator sets SKERRY_TERRAFORM_WRITES=1.",
            }

    @server.tool(annotations=LOCAL_READ, title="Session preferences")
    async def get_preferences(ctx: Context) -> dict[str, Any]:
        """Gets the defaults of this session: organization and project."""
        async with desk.visit(ctx, "get_preferences") as visit:
            return asdict(await visit.preferences())

    @server.tool(annotations=LOCAL_WRITE, title="Set session preferences")
    async def set_preferences(
        ctx: Context, organization: OrganizationOrNone = None, project: ProjectOrNone = None
    ) -> dict[str, Any]:
        """Sets the defaults of this session; what is left out stays. Changes nothing in Terraform."""
        async with desk.visit(ctx, "set_preferences") as visit:
            if visit.session is None:
                raise ToolError(NO_SESSION)
            if organization:
                visit.allow(organization)
            try:
                before = await visit.session.preferences()
            except StateError:  # unreadable: what is set now replaces it, or the write says what is wrong
                before = Preferences()
            given = {"organization": organization, "project": project}
            wanted = replace(before, **{name: value for name, value in given.items() if value is not None})
            await visit.session.set_preferences(wanted)
            return asdict(wanted)
